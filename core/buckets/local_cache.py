"""The bounded cache of local copies. What was used longest ago goes first; nothing that is in use goes.

Only shards are evicted, as they can be fetched again, and of them the large files: their heads stay. Who reads a shard
holds a shared lock on its checksums for that moment, who has mapped a token store holds one on its spec for as long as
the process lives. An eviction needs both alone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from unmask.core.buckets.addresses import get_cache_folder
from unmask.core.checksums import FILE as CHECKSUMS
from unmask.core.checksums import list_files
from unmask.core.errors import NoSpace, UsageError

LIMIT = "UNMASK_CACHE_GB"
HEADS = (CHECKSUMS, "zarr.json")
"""What a shard says of itself: it stays, so that a shard is known to be finished."""
SPEC = "spec.json"
# Of the limit, to which an eviction clears: not one for each file that arrives.
CLEARED = 0.9
# Of the free disk and what the cache has already.
DEFAULT_SHARE = 0.8

_pinned: dict[Path, int] = {}


class LocalCache:
    """The files of all local copies of this user."""

    def __init__(self, place: Path | None = None) -> None:
        self.place = place or get_cache_folder() / "buckets"
        self._used: int | None = None

    def limit(self) -> int:
        """Bytes that it may have."""
        if given := os.environ.get(LIMIT):
            try:
                return int(float(given) * 1e9)
            except ValueError as error:
                raise UsageError(f"{LIMIT}={given}: not a number of gigabytes", f"{LIMIT}=200") from error
        self.place.mkdir(parents=True, exist_ok=True)
        return int(DEFAULT_SHARE * (shutil.disk_usage(self.place).free + self._measure()))

    def _measure(self) -> int:
        if self._used is None:
            self._used = sum(about.stat().st_size for about in list_files(self.place).values())
        return self._used

    def note(self, count: int) -> None:
        """That many bytes came."""
        if self._used is not None:
            self._used += count

    def make_room(self, count: int, what: str) -> None:
        """Evict until `count` bytes more are within the limit. `NoSpace` where too much is in use."""
        if self.trim(count):
            return
        limit = self.limit()
        raise NoSpace(
            f"{self.place}: {count / 1e9:.2f} GB more of {what} are needed at once; with what is in use that is "
            f"above the limit of {limit / 1e9:.2f} GB",
            f"set {LIMIT} higher, or UNMASK_CACHE to a folder on a larger disk",
        )

    def trim(self, count: int = 0) -> bool:
        """The same, as far as it goes: are `count` bytes more within the limit now?"""
        limit = self.limit()
        if self._measure() + count <= limit:
            return True
        self._used = None  # other processes fetch and evict too
        excess = self._measure() + count - int(CLEARED * limit)
        for shard in self._list_shards():
            if excess <= 0:
                break
            freed = evict(shard)
            excess -= freed
            self.note(-freed)
        return self._measure() + count <= limit

    def _list_shards(self) -> list[Path]:
        """Shards in the order of their last use."""
        found = []
        for path in self.place.rglob(f"shard-*/{CHECKSUMS}"):
            with suppress(FileNotFoundError):
                found.append((path.parent.stat().st_mtime_ns, path.parent))
        return [shard for _, shard in sorted(found)]


def evict(shard: Path) -> int:
    """Remove the large files of a shard, unless it is in use; the bytes that are free now."""
    freed = 0
    with _lock_alone(shard.parent / SPEC) as unmapped, _lock_alone(shard / CHECKSUMS) as unread:
        if not (unmapped and unread):
            return 0
        for name, about in list_files(shard).items():
            if name not in HEADS:
                freed += about.stat().st_size
                Path(about.path).unlink()
    return freed


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Nothing is evicted from the shard during the block."""
    handle = _open(folder / CHECKSUMS)
    try:
        if handle is not None:
            fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def remove_folder(folder: Path) -> None:
    """Remove a folder of a copy, when nobody reads it."""
    handle = _open(folder / CHECKSUMS)
    try:
        if handle is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        if handle is not None:
            os.close(handle)


def touch(folder: Path) -> None:
    """Note that a shard is used now."""
    with suppress(OSError):
        os.utime(folder)


def pin_store(store: Path) -> None:
    """Nothing is evicted from a token store as long as this process lives."""
    path = store / SPEC
    if path not in _pinned and (handle := _open(path)) is not None:
        fcntl.flock(handle, fcntl.LOCK_SH)
        _pinned[path] = handle


@contextmanager
def _lock_alone(path: Path) -> Iterator[bool]:
    """Hold a file alone, if nobody else has it. A file that is not there is held by nobody."""
    handle, alone = _open(path), True
    try:
        if handle is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                alone = False
        yield alone
    finally:
        if handle is not None:
            os.close(handle)


def _open(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
