"""Optimizer, weight average, processes, compilation."""
