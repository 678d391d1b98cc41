"""Folders for uploads that nobody else can read, removed when the service ends, however it ends.

A watcher process holds the other end of a pipe: when the service is gone, also by SIGKILL, the pipe ends and the
watcher removes the folders. Where the watcher was killed too, the next service removes what has no owner any more.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

PREFIX = "unmask-serve-"
LOCK = "lock"
# A folder without a lock may be a moment old: its owner has made it and is about to lock it.
YOUNG_S = 60.0
MEMORY_DISK = Path("/dev/shm")
ROOM_BYTES = 2 * 2**30
"""Free on the memory disk, or the system's temporary folder is used."""

# Runs without this package, so that it is there at once and needs 10 MB.
WATCHER = """
import shutil, sys
sys.stdin.buffer.read()
for folder in sys.argv[1:]:
    shutil.rmtree(folder, ignore_errors=True)
"""

_watchers: list[subprocess.Popen[bytes]] = []


class PrivateFolders:
    """`uploads` for files as they arrive, `work` for what a verdict is made from, in memory where there is room.

    A verdict makes and removes 80 small files, and a busy disk takes 5 ms for each.
    """

    def __init__(self) -> None:
        self._locks: list[int] = []
        for place in {Path(tempfile.gettempdir()), MEMORY_DISK}:
            remove_stale(place)
        disk, memory = self._make(Path(tempfile.gettempdir())), None
        if _has_room(MEMORY_DISK):
            memory = self._make(MEMORY_DISK)
        self.roots = tuple(filter(None, (disk, memory)))
        self.uploads, self.work = disk / "uploads", (memory or disk) / "work"
        self.uploads.mkdir(mode=0o700)
        self.work.mkdir(mode=0o700)
        # In a session of its own: Ctrl-C in a terminal reaches every process of the session's foreground group.
        self._watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", WATCHER, *map(str, self.roots)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def _make(self, place: Path) -> Path:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))  # mode 0700
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self._locks.append(lock)
        return folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for folder in self.roots:
            shutil.rmtree(folder, ignore_errors=True)
        for lock in self._locks:
            os.close(lock)
        # The watcher stays until this process ends: a thread that still judges may write once more.
        _watchers.append(self._watcher)


def remove_stale(place: Path) -> list[Path]:
    """Remove the folders in `place` of services of this user that are gone; which these were."""
    removed = []
    for folder in sorted(place.glob(f"{PREFIX}*")):
        if _is_stale(folder):
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
    return removed


def _is_stale(folder: Path) -> bool:
    try:
        about = folder.lstat()
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
            return False
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return time.time() - about.st_mtime > YOUNG_S
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # its owner lives; a lock counts in other containers too, a process number would not
    finally:
        os.close(lock)
    return True


def _has_room(place: Path) -> bool:
    try:
        return os.access(place, os.W_OK) and shutil.disk_usage(place).free >= ROOM_BYTES
    except OSError:
        return False
