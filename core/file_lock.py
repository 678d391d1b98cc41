"""One command at a time where two would undo each other's work."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unmask.core.errors import UsageError


@contextmanager
def locked(path: Path, what: str, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock file `path` (made where it is missing) during the block; the system frees it when we die.

    `shared` holders go together, but not with one that is not. `UsageError` while another process is in the way.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"{path.parent}: {what} is at work there already", "wait until it has ended") from error
        yield
    finally:
        os.close(handle)
