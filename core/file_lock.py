"""Lock files: keep two commands from writing to the same place at once, and name the one that is there.

The locks are those of flock(2): the system releases them when their process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from unmask.core.atomic_files import FREE_SPACE, NO_SPACE_ERRNOS
from unmask.core.errors import NoSpace, UsageError
from unmask.core.sharing.lock_holders import describe_holders, remove_holder, write_holder
from unmask.core.sharing.lock_support import check_effect, refuse_lock

LOCKS = "locks"
"""Folder of a work folder's locks: an error names the work folder itself."""


class Held(UsageError):
    """Another process holds the lock. It goes on undisturbed."""


@dataclass(slots=True)
class Lock:
    """A lock that this process holds."""

    path: Path
    handle: int
    line: bytes
    """What the file says of this process."""

    def release(self, *, remove: bool = False) -> None:
        """Give it back, once. `remove`: with its file; not for a lock that is shared."""
        _held.discard(self.handle)
        if remove:
            with suppress(OSError):
                self.path.unlink()
        else:
            remove_holder(self.handle, self.line)
        os.close(self.handle)


_held: set[int] = set()


def take_lock(path: Path, *, shared: bool = False, wait: bool = False) -> Lock | None:
    """Take the lock file `path`, created if missing; None if another process, or another call in this one, has it.

    Several `shared` holders may have it at once, an exclusive one only alone. `wait`: until it is free.
    `MachineFailed` where the file system has no locks.
    """
    while True:
        handle = _open(path)
        try:
            if not _flock(handle, path, shared, wait):
                os.close(handle)
                return None
            if _is_current(path, handle):
                check_effect(path, handle)
                _held.add(handle)
                return Lock(path, handle, write_holder(handle, alone=not shared))
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # its last holder removed the file meanwhile


@contextmanager
def hold_lock(path: Path, what: str, *, shared: bool = False, wait: bool = False) -> Iterator[None]:
    """Hold the lock file `path` during the block, see `take_lock`. `Held` if another process has it.

    `what` is the subject of the error: "<what> is already running in <folder>: process 71 (unmask scan /data) ...".
    """
    lock = take_lock(path, shared=shared, wait=wait)
    if lock is None:
        folder = path.parent.parent if path.parent.name == LOCKS else path.parent
        who = describe_holders(path)
        raise Held(f"{what} is already running in {folder}" + f": {who}" * bool(who), "wait until it has ended")
    try:
        yield
    finally:
        lock.release()


def _open(path: Path) -> int:
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:  # the folder was removed in between
            continue
        except FileExistsError:  # it was there for mkdir, and gone when that looked at what is there
            if os.path.lexists(path.parent) and not path.parent.is_dir():
                raise
        except OSError as error:
            if error.errno in NO_SPACE_ERRNOS:
                raise NoSpace(f"{path.parent}: no space left for a lock file", FREE_SPACE) from error
            raise


def _flock(handle: int, path: Path, shared: bool, wait: bool) -> bool:
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        refusal = refuse_lock(path, error)
        if refusal is None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise refusal from error
    return True


def _is_current(path: Path, handle: int) -> bool:
    """Is the file that was locked still the one at `path`?"""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _forget() -> None:
    """In a copy of this process: it must not keep the locks when the process itself has ended."""
    for handle in _held:
        os.close(handle)
    _held.clear()


os.register_at_fork(after_in_child=_forget)
