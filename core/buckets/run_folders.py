"""Runs, and what else is trained: folders that change for as long as a command works on them.

They are published when the command ends: an epoch that replaces 100 MB of weights is no matter for the network. A run
that was killed before goes on in the copy that it was trained in.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from unmask.core.buckets import committed_folders
from unmask.core.buckets.commits import OBJECTS, Commit, CommittedFile, hash_content
from unmask.core.buckets.known_objects import Known
from unmask.core.checksums import list_files
from unmask.core.file_lock import take_lock
from unmask.core.hashing import hash_file

if TYPE_CHECKING:
    from pathlib import Path

    from unmask.core.buckets.mirror import Mirror

log = logging.getLogger("unmask")

PLACES = ("runs", "suites/cells", "adapted")
LOCK = "lock"
UNFINISHED = "earlier/"


def find_run(name: str) -> str | None:
    """The folder of a run that a path of the work folder is in, or is."""
    for place in PLACES:
        if name.startswith(f"{place}/"):
            return "/".join(name.split("/")[: place.count("/") + 2])
    return None


def is_held(mirror: Mirror, name: str) -> bool:
    """Is this the folder of a run that a process here works on?"""
    folder = mirror.root / name
    if find_run(name) is None or not folder.is_dir():
        return False
    lock = take_lock(folder / LOCK)
    if lock is not None:
        lock.release()
    return lock is None


def publish_runs(mirror: Mirror) -> None:
    """Publish each run that has changed here. Under torchrun the first process does."""
    if os.environ.get("RANK", "0") != "0":
        return
    mirror.known.refresh()
    for place in PLACES:
        for folder in sorted((mirror.root / place).glob("*/")):
            lock = take_lock(folder / LOCK)
            if lock is None:
                continue  # another process is training it
            try:
                _publish_run(mirror, folder)
            finally:
                lock.release()


def _publish_run(mirror: Mirror, folder: Path) -> None:
    name, before = mirror.name(folder), mirror.read_commit(folder)
    found = {within: entry.stat() for within, entry in list_files(folder).items() if _is_published(mirror, within)}
    known = {within: mirror.known.get(f"{name}/{within}") for within in found}
    changed = [within for within, one in known.items() if one is None or not one.is_of(folder / within)]
    kept = _list_kept(mirror, folder, before, set(found))
    if not changed and before is not None and kept.keys() == before.files.keys():
        return
    sealed = {within: hash_file(folder / within) for within in changed}
    digest = hash_content(sealed)
    new: dict[str, CommittedFile] = {}
    for within, sha256 in sealed.items():
        about, old = found[within], before.files.get(within) if before else None
        place = old.object if old and old.sha256 == sha256 else f"{OBJECTS}/{digest}/{within}"
        new[within] = CommittedFile(place, about.st_size, sha256, about.st_mtime_ns)
    commit = Commit(dict(sorted((kept | new).items())))
    if not commit.files:
        return
    written = [within for within, one in new.items() if one.object.startswith(f"{OBJECTS}/{digest}/")]
    committed_folders.upload(mirror, folder, commit, written)
    if not committed_folders.put_commit(mirror, name, commit):
        log.warning("%s/%s: another machine has published this run meanwhile; its files are used", mirror.address, name)
        committed_folders.pull_commit(mirror, name)
        return
    for within, one in new.items():
        note = Known("", one.sha256, one.bytes, one.mtime_ns or 0)
        mirror.known.add(f"{name}/{within}", note)


def _list_kept(mirror: Mirror, folder: Path, before: Commit | None, found: set[str]) -> dict[str, CommittedFile]:
    """Files of the last commit that are still there, and those that were never fetched."""
    name = mirror.name(folder)
    return {
        within: one
        for within, one in (before.files if before else {}).items()
        if within in found or mirror.known.get(f"{name}/{within}") is None
    }


def _is_published(mirror: Mirror, within: str) -> bool:
    return not mirror.is_private(within) and not within.startswith(UNFINISHED)
