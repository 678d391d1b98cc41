"""What glibc does with large arrays that were freed; no effect with another C library."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

# From malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
RETURNED_BYTES = 256 * 1024
KEPT_BYTES = 32 * 1024**2
"""The largest array that each glibc can keep, and the one that it comes to by itself."""
KEPT_TOGETHER = 512 * 1024**2
"""Of free memory at the end of the heap. By itself glibc keeps twice the largest array, which is less than the features
of a few images: the pages of each layer would be new ones, which took half of the time of EfficientNet-Lite0.
"""
KEPT_TUNING, KEPT_TOGETHER_TUNING = 256 * 1024**2, 1024**3
"""The same where features wait for their gradients: larger batches, of which all layers are held."""


@contextmanager
def return_large_blocks() -> Iterator[None]:
    """Within the context, return freed large arrays to the system at once; after it, keep them for the next ones.

    For a process that holds arrays of ever other sizes: kept blocks would make its memory grow with the number of
    items. Not for networks, whose features come again in the same sizes: half of their time would go into new pages.
    """
    _set_thresholds(RETURNED_BYTES, 2 * RETURNED_BYTES)
    try:
        yield
    finally:
        keep_large_blocks()


def keep_large_blocks() -> None:
    """For a process that runs networks, whatever the one was set to that it was forked from."""
    _set_thresholds(KEPT_BYTES, KEPT_TOGETHER)


def keep_blocks_of_gradients() -> None:
    """For a process that tunes a network."""
    _set_thresholds(KEPT_TUNING, KEPT_TOGETHER_TUNING)


def share_heap() -> None:
    """Let all threads of this process share one heap; call it before they are started.

    For threads that run networks: each would get a heap of its own, whose pages go back to the system whenever all
    features are freed. `extract` of two threads took four times the page faults, and a tenth more memory.
    """
    _set(M_ARENA_MAX, 1)


def _set_thresholds(array: int, together: int) -> None:
    # glibc before 2.35 refuses more than KEPT_BYTES.
    _ = _set(M_MMAP_THRESHOLD, array) or _set(M_MMAP_THRESHOLD, KEPT_BYTES)
    _set(M_TRIM_THRESHOLD, together)


def _set(parameter: int, value: int) -> bool:
    """Has the C library taken it?"""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(parameter, value))
