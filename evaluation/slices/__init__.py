"""Rows beside those of whole datasets: per method, compression, category, media kind and identity attribute."""
