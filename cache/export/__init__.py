"""Tokens into one file, and back."""
