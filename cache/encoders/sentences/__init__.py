"""Sentence encoders: folders in the format of sentence-transformers."""
