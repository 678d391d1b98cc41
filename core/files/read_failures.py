"""Failures of the disk or the network while files are read: remembered, whatever becomes of them on the way."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

from unmask.core.errors import NO_MACHINE, READ_FAILURES, MachineFailed

Result = TypeVar("Result")

# The right to read belongs to the file, and may be missing of one in a million.
DISK_FAILURES = READ_FAILURES - NO_MACHINE - {errno.EACCES, errno.EPERM}

CHECK = "check the disk or the network, then run the same command again; a file that never can be read has to go"

_noted: ContextVar[list[OSError] | None] = ContextVar("noted", default=None)


def is_disk_failure(error: BaseException) -> bool:
    """Did the system say that a file cannot be read now? FFmpeg uses the same numbers for damage, by its own types."""
    return isinstance(error, OSError) and type(error).__module__ == "builtins" and error.errno in DISK_FAILURES


def raise_disk_failure(error: BaseException) -> None:
    """Raise `error` again if it says nothing of the file: the caller is about to give it another meaning."""
    if is_disk_failure(error):
        raise error


def note_read_failure(error: OSError) -> bool:
    """Remember `error` if the disk failed. Will the enclosing `raise_read_failures` raise it?"""
    noted = _noted.get()
    if noted is None or not is_disk_failure(error):
        return False
    noted.append(error)
    return True


@contextmanager
def raise_read_failures() -> Iterator[None]:
    """Raise the first failure of the disk within the block, at its end, whatever the block itself made of it."""
    noted: list[OSError] = []
    token = _noted.set(noted)
    try:
        yield
    except Exception as error:
        if noted and error is not noted[0]:
            raise noted[0] from error
        raise
    finally:
        _noted.reset(token)
    if noted:
        raise noted[0]


def read_surely(read: Callable[[], Result]) -> Result:
    """What `read` returns without a failure of the disk; it is called once more after one.

    `OSError` where it fails again. A network disk fails once when it was restarted: a file has to be opened anew.
    """
    try:
        with raise_read_failures():
            return read()
    except OSError as error:
        if not is_disk_failure(error):
            raise
    with raise_read_failures():
        return read()


def read_or_stop(path: Path, read: Callable[[], Result]) -> Result:
    """As `read_surely`; `MachineFailed`, which ends a stage, where `path` cannot be read now."""
    try:
        return read_surely(read)
    except OSError as error:
        if not is_disk_failure(error):
            raise
        raise MachineFailed(f"{path}: {error.strerror}", CHECK) from error
