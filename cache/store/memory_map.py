"""Read-only memory maps that keep no file open.

Python's `mmap`, and therefore `numpy.memmap`, holds a file descriptor per map: a thousand shards of three encoders
exceed the usual limit of 1,024. Writable private maps need none, but count as used memory on machines that do not
overcommit.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from mmap import MADV_WILLNEED, MAP_SHARED, PAGESIZE, PROT_READ
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
FAILED = ctypes.c_void_p(-1).value


def map_file(path: Path, size: int) -> NDArray[np.uint8]:
    """Map the first `size` bytes of the file (at least 1). `OSError` when it has fewer. Unmapped with the last view."""
    handle = os.open(path, os.O_RDONLY)
    try:
        if os.fstat(handle).st_size < size:  # reading beyond the end would kill the process
            raise OSError(f"{path}: shorter than {size} bytes")
        address = _libc.mmap(None, size, PROT_READ, MAP_SHARED, handle, 0)
    finally:
        os.close(handle)
    if address == FAILED:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))
    memory = (ctypes.c_uint8 * size).from_address(address)
    # Not at exit: other threads may still read.
    weakref.finalize(memory, _libc.munmap, address, size).atexit = False
    view: NDArray[np.uint8] = np.ctypeslib.as_array(memory)
    view.flags.writeable = False
    return view


def announce_reads(address: int, size: int) -> None:
    """Ask the kernel to read `size` bytes of a mapped file from `address` on, without waiting for them.

    Without it a thread that copies from a map waits for one page after another, and the disk for the thread.
    """
    begin = address - address % PAGESIZE
    # An advice: a kernel that does not take it reads the pages when they are used.
    _libc.madvise(begin, address + size - begin, MADV_WILLNEED)
