"""HDF5 files that are written through a file of ours, which keeps a failure of the disk from HDF5.

HDF5 ends the process (segmentation fault) when it closes a file after a write to it has failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

import h5py

# Tokens begin at a page boundary, for memory maps.
PAGE = 4096


@contextmanager
def create_hdf5(path: Path) -> Iterator[tuple[h5py.File, KeptFile]]:
    """A new HDF5 file, and the file behind it: call its `check` from time to time.

    Raises the first error of the disk at the end, with the file closed.
    """
    with KeptFile(path, "w+b") as below:
        with h5py.File(below, "w", alignment_threshold=PAGE, alignment_interval=PAGE) as file:
            yield file, below
        below.check()


class KeptFile(FileIO):
    """A file whose failed calls succeed for the caller; the first error is kept."""

    _error: BaseException | None = None

    def check(self) -> None:
        """Raise the first error that a call met, Ctrl-C included."""
        if self._error is not None:
            raise self._error

    def write(self, content: Any) -> int:
        waiting = memoryview(content).cast("B")
        try:
            while len(waiting) and self._error is None:
                waiting = waiting[super().write(waiting) :]
        except BaseException as error:
            self._keep(error)
        return memoryview(content).nbytes

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer).cast("B")
        done = 0
        try:
            while done < len(target) and (count := super().readinto(target[done:])):
                done += count
        except BaseException as error:
            self._keep(error)
        target[done:] = bytes(len(target) - done)
        return len(target)

    def truncate(self, size: int | None = None) -> int:
        try:
            if self._error is None:
                return super().truncate(size)
        except BaseException as error:
            self._keep(error)
        return size or 0

    def _keep(self, error: BaseException) -> None:
        self._error = self._error or error
