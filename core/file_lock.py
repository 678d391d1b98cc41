"""Lock files: keep two commands from writing to the same folder at once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unmask.core.errors import UsageError


@contextmanager
def hold_lock(path: Path, what: str, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock file `path` (created if missing) during the block; the system releases it if the process dies.

    Several `shared` holders may hold it at once, an exclusive one only alone. `UsageError` if it is already held.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"{what} is already running in {path.parent}", "wait until it has ended") from error
        yield
    finally:
        os.close(handle)
