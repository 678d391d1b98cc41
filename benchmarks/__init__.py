"""Timings, as ratios within one run. `make bench`, or `python -m benchmarks gather`."""

from core.threads import wait_briefly

wait_briefly()
