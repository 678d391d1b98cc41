"""Presets and variants against the linear probe on repeated splits: `python -m benchmarks models --help`."""
