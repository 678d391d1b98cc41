"""Folders for uploads that nobody else can read, removed when the service ends, however it ends.

A watcher process holds the other end of a pipe: when the service is gone, also by SIGKILL, the pipe ends and the
watcher removes the folders. Where the watcher was killed too, the next service removes what has no owner any more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

from unmask.core.files.temporary_folder import lock_temporary_folder, remove_stale

PREFIX = "unmask-serve-"
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
        remove_stale(MEMORY_DISK, PREFIX)  # also where it has no room now
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
        folder, lock = lock_temporary_folder(place, PREFIX)
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


def _has_room(place: Path) -> bool:
    try:
        return os.access(place, os.W_OK) and shutil.disk_usage(place).free >= ROOM_BYTES
    except OSError:
        return False
