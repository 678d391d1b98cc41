"""Mechanics with no opinion about media: files, fingerprints, work over items, progress, errors, settings."""
