"""Timings, as ratios within one run. `make bench`, or `python -m benchmarks gather`."""

from unmask.core.openmp import limit_openmp_spinning

limit_openmp_spinning()
