"""Presets and variants compared on the same tokens: training, the table, and its files."""
