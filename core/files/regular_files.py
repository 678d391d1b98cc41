"""Opening files that somebody else named: only regular ones, without waiting, and no failure of the disk is lost.

Libraries that decode media take a read that failed for damage, or for the end of the file, and tell nobody. They are
given files that are opened here, which keep the error (core/files/read_failures.py).
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader, FileIO, UnsupportedOperation
from pathlib import Path
from typing import Any

from unmask.core.files.read_failures import note_read_failure

BUFFER_BYTES = 1 << 16


def open_regular(path: Path) -> BufferedReader:
    """`path` opened to read bytes. `OSError` for anything but a file or a link to one.

    A named pipe would wait for ever for someone who writes to it, and a device may act on being opened.
    """
    return _Reader(path, _RegularFile(str(path), opener=_open))


def open_for_decoder(path: Path) -> BufferedReader:
    """The same for a library in C, in whose middle a Python exception would be lost, or come out anywhere.

    A read that fails within `raise_read_failures` is the end of the file to it, and a seek that fails gives a negative
    number.
    """
    return _DecoderReader(path, _ToldFile(str(path), opener=_open))


def read_regular(path: Path) -> bytes:
    """All of a regular file. `OSError` where it cannot be read."""
    with open_regular(path) as file:
        return file.read()


def _open(name: str, flags: int) -> int:
    try:
        descriptor = os.open(name, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        note_read_failure(error)
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a file", name)
        return descriptor
    except BaseException:
        os.close(descriptor)
        raise


class _RegularFile(FileIO):
    def readinto(self, buffer: Any) -> int:
        try:
            return super().readinto(buffer)
        except OSError as error:
            return self._meet(error)

    def readall(self) -> bytes:
        try:
            return super().readall()
        except OSError as error:
            self._meet(error)
            raise

    def fileno(self) -> int:
        # Pillow would let libraries read by it.
        raise UnsupportedOperation("fileno")

    def _meet(self, error: OSError) -> int:
        error.filename = self.name
        note_read_failure(error)
        raise error


class _ToldFile(_RegularFile):
    def _meet(self, error: OSError) -> int:
        error.filename = self.name
        if note_read_failure(error):
            return 0
        raise error


class _Reader(BufferedReader):
    """Named in errors of libraries as its path would be."""

    def __init__(self, path: Path, raw: FileIO) -> None:
        super().__init__(raw, BUFFER_BYTES)
        self._name = str(path)

    def __repr__(self) -> str:
        return repr(self._name)


class _DecoderReader(_Reader):
    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except (OSError, ValueError) as error:
            return -(getattr(error, "errno", None) or errno.EINVAL)
