"""Runs compared on the items that all of them scored: `unmask compare`."""
