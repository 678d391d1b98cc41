"""Temporary folders that do not outlive a killed process for long: the next one removes them."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "unmask-work-"
# Before the prefix: a folder has its final name only after it is locked, so one without a lock has lost its owner.
UNLOCKED = ".new-"
YOUNG_S = 60.0
"""Age from which a folder that never got its final name is a leftover."""


@contextmanager
def make_temporary_folder(place: Path | None = None) -> Iterator[Path]:
    """A new folder in `place` (default: the system's temporary folder), removed when the block ends.

    SIGKILL and a crash of the interpreter leave it behind. It is locked while its process lives, so the next call by
    the same user recognises such folders, and removes them.
    """
    folder, lock = lock_temporary_folder(place)
    try:
        yield folder
    finally:
        try:
            shutil.rmtree(folder, ignore_errors=True)
        finally:  # once more where Ctrl-C came in between
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def lock_temporary_folder(place: Path | None = None, prefix: str = PREFIX) -> tuple[Path, int]:
    """As `make_temporary_folder`, for a folder that lives as long as the process: also the handle that locks it."""
    place = place or Path(tempfile.gettempdir())
    remove_stale(place, prefix)
    made = Path(tempfile.mkdtemp(prefix=UNLOCKED + prefix, dir=place))  # mode 0700
    folder = made.with_name(made.name.removeprefix(UNLOCKED))
    try:
        lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with suppress(OSError):  # NFS locks no folders: nobody takes it for a leftover there either
            fcntl.flock(lock, fcntl.LOCK_EX)
        made.rename(folder)
    except BaseException:
        made.rmdir()
        raise
    return folder, lock


def remove_stale(place: Path, prefix: str = PREFIX) -> list[Path]:
    """Remove the temporary folders in `place` of processes of this user that are gone; which these were."""
    found = [*sorted(place.glob(f"{prefix}*")), *sorted(place.glob(f"{UNLOCKED}{prefix}*"))]
    stale = [folder for folder in found if _is_stale(folder)]
    for folder in stale:
        shutil.rmtree(folder, ignore_errors=True)
    return stale


def _is_stale(folder: Path) -> bool:
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False  # removed since it was listed, a link, or not ours
    try:
        about = os.fstat(handle)
        if about.st_uid != os.getuid() or not stat.S_ISDIR(about.st_mode):
            return False
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # its owner lives
    finally:
        os.close(handle)
    return not folder.name.startswith(UNLOCKED) or time.time() - about.st_mtime > YOUNG_S
