"""Near-duplicate media, by perceptual hash."""
