"""How threads wait for one another. To be called before torch is loaded."""

from __future__ import annotations

import os

# So often a thread of OpenMP looks whether there is work before it sleeps. By default it looks for milliseconds, and on
# a machine where anything else runs it takes the core from the very thread it waits for: measured on two cores beside
# one busy process, an epoch took 8 s instead of 0.5 s. A thousand looks keep the speed of a quiet machine.
LOOKS = "1000"


def wait_briefly() -> None:
    """Unless the user has said how to wait. The processes that this one starts do the same."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", LOOKS)
