"""Timings, as ratios within one run. `make bench`, or `python -m benchmarks gather`."""

from unmask.core.openmp import wait_briefly

wait_briefly()
