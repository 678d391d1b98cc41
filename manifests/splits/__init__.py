"""Leak-proof train, val and test splits."""
