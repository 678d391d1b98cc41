"""What a worker process does before its first item."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing import parent_process
from pathlib import Path

from unmask.core.processes.large_blocks import keep_large_blocks

SIGNAL_FOR_ORPHANS = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


def begin_worker(memory_gib: float | None, initializer: Callable[[], None] | None) -> None:
    """Once per worker process."""
    _end_with_parent()
    keep_large_blocks()
    if initializer is not None:
        initializer()
    if memory_gib is not None:
        # Private writable memory. Not the address space: CUDA and thread pools reserve many times what they use.
        limit = _data_bytes() + round(memory_gib * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _end_with_parent() -> None:
    """A parent that is killed cannot end its workers, and the server keeps running while one of them does."""
    if sys.platform == "linux":  # for those that were forked from it: they hold each other's pipes open
        ctypes.CDLL(None).prctl(SIGNAL_FOR_ORPHANS, signal.SIGKILL)
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)


def _data_bytes() -> int:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData:"))
    return int(line.split()[1]) * 1024
