"""What locks are worth on a file system: some refuse them, some ignore them, some keep them to one machine."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from unmask.core.errors import MachineFailed

log = logging.getLogger("unmask")

# ENOLCK: NFS without a lock service. ENOSYS: Lustre mounted with noflock. The others: file systems without locks.
REFUSALS = frozenset((errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL))
GUIDE = "docs/parallel.md, Locks"
MOUNTS = Path("/proc/self/mountinfo")
# Options of a mount that keep locks from the other machines, by the beginning of the file system's name (nfs(5),
# mount.cifs(8), mount.lustre(8)).
LOCAL_OPTIONS = (
    ("nfs", ("nolock", "local_lock=all", "local_lock=flock")),
    ("lustre", ("localflock",)),
    ("cifs", ("nobrl",)),
)
# The kernel keeps the locks of a FUSE file system itself, unless its program asks for them; these do not.
LOCAL_TYPES = ("fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "fuse.goofys", "fuse.mount-s3")

_checked: set[int] = set()


def refuse_lock(path: Path, error: OSError) -> MachineFailed | None:
    """The error to raise where the file system of `path` has no locks; None for any other error."""
    if error.errno not in REFUSALS:
        return None
    return MachineFailed(
        f"{path.parent}: this file system refuses file locks ({error.strerror})",
        f"mount it with locks (NFS: version 4, or version 3 with lockd; {GUIDE}), or give another --work",
    )


def check_effect(path: Path, handle: int) -> None:
    """Say once per file system what the lock just taken on `path`, open as `handle`, does not keep away."""
    device = os.fstat(handle).st_dev
    if device in _checked:
        return
    _checked.add(device)
    if _can_be_taken_twice(path):
        log.warning(
            "%s: file locks have no effect on this file system: never run two commands there at once (%s)",
            *(path.parent, GUIDE),
        )
    elif why := find_local_locks(device):
        log.info(
            "%s: file locks count on this machine only (%s): from several machines, give each its own part (%s)",
            *(path.parent, why, GUIDE),
        )


def _can_be_taken_twice(path: Path) -> bool:
    """A second opening of the file is another holder, in the same process too."""
    second = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(second)
    return True


def find_local_locks(device: int, mounts: Path = MOUNTS) -> str:
    """What keeps the locks of the file system with this device number from other machines; empty if nothing does."""
    with suppress(OSError):
        for line in mounts.read_text(errors="replace").splitlines():
            before, _, after = line.partition(" - ")
            fields = before.split()
            if len(fields) > 5 and fields[2] == f"{os.major(device)}:{os.minor(device)}":
                kind, _, more = [*after.split(), "", "", ""][:3]
                return _explain(kind, [*fields[5].split(","), *more.split(",")])
    return ""


def _explain(kind: str, options: Sequence[str]) -> str:
    if kind in LOCAL_TYPES:
        return kind
    for beginning, local in LOCAL_OPTIONS:
        for option in local if kind.startswith(beginning) else ():
            if option in options:
                return f"{kind} mounted with {option}"
    return ""
