"""Suites: presets x seeds x splits on one cache, each split assigned in memory."""
