"""Token stores: written once, read through memory maps."""
