"""Metrics, curves, calibration and bootstrap intervals of binary scores."""
