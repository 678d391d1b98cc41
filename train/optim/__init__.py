"""Optimiser, weight average, processes, compilation."""
