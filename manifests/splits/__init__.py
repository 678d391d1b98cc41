"""Leak-proof splits."""
