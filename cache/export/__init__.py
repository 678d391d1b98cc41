"""Export of tokens to one file, and import."""
