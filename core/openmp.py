"""Limit how long idle OpenMP threads spin. Call before torch is imported."""

from __future__ import annotations

import os

# Spin iterations before an idle OpenMP thread sleeps (GOMP_SPINCOUNT). The default spins for milliseconds and takes the
# core from the thread it waits for: measured on two cores beside one busy process, an epoch took 8 s instead of 0.5 s.
# A thousand iterations keep the speed of an idle machine.
SPIN_COUNT = "1000"


def limit_openmp_spinning() -> None:
    """Set GOMP_SPINCOUNT for this process and its children, unless the user has set it or OMP_WAIT_POLICY."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
