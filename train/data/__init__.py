"""Batches of cached tokens."""
