"""Where the stages meet a bucket. Every function does nothing for a path outside the local copy of one.

A work folder in a bucket is worked on in a local copy of it, by the same code as any other. What a stage finishes is
published before it appears in the copy, and files of the copy that are not there yet are fetched when they are needed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.core.processes.identity import identify_machine

if TYPE_CHECKING:
    from unmask.core.buckets.mirror import Mirror

STATE = ".bucket"
"""Folder of a local copy that says of what it is one."""
MARKER = "address.json"


def find_mirror(path: Path) -> Mirror | None:
    """The mirror whose local copy `path` lies in."""
    for folder in (place := path.absolute()), *place.parents:
        if (folder / STATE / MARKER).exists():
            return _open_mirror(folder, os.getpid())
    return None


@lru_cache(maxsize=8)
def _open_mirror(root: Path, process: int) -> Mirror:
    """One per process: connections do not survive a fork."""
    from unmask.core.buckets.addresses import parse_address
    from unmask.core.buckets.mirror import Mirror

    return Mirror(parse_address(json.loads((root / STATE / MARKER).read_text(encoding="utf-8"))["address"]), root)


def publish_file(temporary: Path, path: Path) -> None:
    """Publish a finished file that is about to become `path`. `MissingInput` if another machine has changed it."""
    if mirror := find_mirror(path):
        mirror.publish_file(temporary, path)


def publish_folder(temporary: Path, path: Path) -> bool:
    """Publish a finished folder that is about to become `path`.

    False if another machine has published it meanwhile: that one stays, and is at `path` now.
    """
    mirror = find_mirror(path)
    return mirror is None or mirror.publish_folder(temporary, path)


def forget_path(path: Path) -> None:
    """Remove a file or folder from the bucket that is removed from the copy."""
    if mirror := find_mirror(path):
        mirror.remove(path)


def fetch_files(folder: Path, names: Collection[str], *, again: bool = False) -> None:
    """Have these files of a committed folder in the copy; `again`: also those that are there, but damaged."""
    if mirror := find_mirror(folder):
        mirror.fetch([(folder, name) for name in names], again=again)


def fetch_folders(folders: Sequence[Path]) -> None:
    """Have all files of committed folders in the copy, and keep them there as long as this process lives."""
    if folders and (mirror := find_mirror(folders[0])):
        mirror.fetch_folders(folders)


def update_folders(folders: Sequence[Path]) -> None:
    """Look whether other machines have published these folders since."""
    if folders and (mirror := find_mirror(folders[0])):
        mirror.update_folders(folders)


def order_shards(folder: Path, names: Sequence[str]) -> list[str]:
    """The order in which this machine makes shards: in a bucket one per machine, since claims reach no other."""
    if len(names) < 2 or find_mirror(folder) is None:
        return list(names)
    begin = int(hashlib.sha256(f"{identify_machine()} {folder}".encode()).hexdigest()[:8], 16) % len(names)
    return [*names[begin:], *names[:begin]]


def find_bucket_damage(folder: Path) -> list[str] | None:
    """Files of a committed folder that are not in the bucket as they were published; None for one without a bucket."""
    mirror = find_mirror(folder)
    return None if mirror is None else mirror.find_damage(folder)


@contextmanager
def keep_in_copy(folder: Path, is_mirrored: bool) -> Iterator[None]:
    """Nothing is evicted from a folder during the block; not even looked at unless `is_mirrored`."""
    if not is_mirrored:
        yield
        return
    from unmask.core.buckets.local_cache import hold_folder

    with hold_folder(folder):
        yield
