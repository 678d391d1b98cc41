"""Projections from an encoder's width to 512."""
