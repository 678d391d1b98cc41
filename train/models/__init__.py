"""The detector: adapters, fusions, heads, discriminators."""
