"""Scores of other systems in and out: the same tables for them, and files that other programs read."""
