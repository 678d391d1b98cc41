"""Decoding and signal level, for scan, audit and preprocess alike."""
