"""What glibc does with large arrays that were freed; no effect with another C library."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

# From malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
RETURNED_BYTES = 256 * 1024
KEPT_BYTES = 32 * 1024**2
"""The largest threshold that glibc takes, and the one that it comes to by itself."""


@contextmanager
def return_large_blocks() -> Iterator[None]:
    """Within the context, return freed large arrays to the system at once; after it, keep them for the next ones.

    For a process that holds arrays of ever other sizes: kept blocks would make its memory grow with the number of
    items. Not for networks, whose features come again in the same sizes: half of their time would go into new pages.
    """
    _set_thresholds(RETURNED_BYTES)
    try:
        yield
    finally:
        keep_large_blocks()


def keep_large_blocks() -> None:
    """The usual behaviour, in a process that was forked within `return_large_blocks` too."""
    _set_thresholds(KEPT_BYTES)


def _set_thresholds(size: int) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, size)
        mallopt(M_TRIM_THRESHOLD, 2 * size)
