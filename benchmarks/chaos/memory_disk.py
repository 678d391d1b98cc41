"""A /dev/shm of a process's own, with room for two pages."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

MEMORY_DISK = Path("/dev/shm")
FREE_BYTES = 3 << 30
"""What has to be free there for the folders of a campaign."""
NEW_MOUNTS, PRIVATE, BOUND = 0x20000, 0x4000 | 0x40000, 0x1000


def choose_base() -> Path | None:
    """Folder for the campaign's own: in memory, where no fsync waits for a disk; None where there is no room."""
    try:
        about = os.statvfs(MEMORY_DISK)
    except OSError:
        return None
    return MEMORY_DISK if about.f_bavail * about.f_frsize > FREE_BYTES else None


def shrink_memory_disk(kept: Path) -> None:
    """Give this process a /dev/shm of 8 KiB; `kept` stays where it is. `PermissionError` where it may not mount."""
    library = ctypes.CDLL(None, use_errno=True)
    handle = os.open(kept, os.O_PATH)
    failed = (
        library.unshare(NEW_MOUNTS)
        or library.mount(None, b"/", None, PRIVATE, None)
        or library.mount(b"tmpfs", os.fsencode(MEMORY_DISK), b"tmpfs", 0, b"size=8k")
    )
    if not failed and kept.is_relative_to(MEMORY_DISK):
        kept.mkdir(parents=True)
        failed = library.mount(b"/proc/self/fd/%d" % handle, os.fsencode(kept), None, BOUND, None)
    os.close(handle)
    if failed:
        raise PermissionError(ctypes.get_errno(), "no mounts of its own")


def can_shrink_memory_disk(kept: Path) -> bool:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            shrink_memory_disk(kept)
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0
