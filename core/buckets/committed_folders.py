"""Folders of a copy that are committed: publish one, take one that another machine has published, fetch its files."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.core.buckets.commits import OBJECTS, SUFFIX, Commit, CommittedFile, hash_content, measure_folder
from unmask.core.buckets.known_objects import Known
from unmask.core.buckets.local_cache import HEADS, remove_folder, touch
from unmask.core.errors import MissingInput
from unmask.core.progress import Progress

if TYPE_CHECKING:
    from unmask.core.buckets.mirror import Mirror

log = logging.getLogger("unmask")

REMEDY = "unmask cache verify --repair"
# Files of runs that every machine has at once; weights come when the run is used.
SMALL_BYTES = 1 << 20
# Of a fetch that shows its progress.
SHOWN_BYTES = 64 << 20
THREADS = 24


def publish(mirror: Mirror, temporary: Path, path: Path) -> bool:
    """Write the content of a finished folder, then its commit. False if that of another machine came first."""
    measured = measure_folder(temporary)
    digest = hash_content({name: sha256 for name, (_, sha256) in measured.items()})
    files = {name: CommittedFile(f"{OBJECTS}/{digest}/{name}", *about) for name, about in measured.items()}
    commit, name = Commit(files), mirror.name(path)
    mirror.known.refresh()
    before = mirror.read_commit(path)
    if before is not None and before.content == commit.content:
        return True
    upload(mirror, temporary, commit, files)
    if put_commit(mirror, name, commit):
        mirror.cache.note(sum(size for size, _ in measured.values()))
        mirror.cache.trim()
        return True
    pull_commit(mirror, name)
    kept = mirror.read_commit(path)
    return kept is not None and kept.content == commit.content


def upload(mirror: Mirror, folder: Path, commit: Commit, names: Sequence[str] | dict[str, CommittedFile]) -> None:
    """Write the content of these files."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="publish") as pool:
        for _ in pool.map(lambda name: mirror.bucket.upload(commit.files[name].object, folder / name), names):
            pass


def put_commit(mirror: Mirror, name: str, commit: Commit) -> bool:
    """Write the commit of a folder if nobody has since this machine looked: the moment in which it appears."""
    local, known = mirror.find_commit(name), mirror.known.get(name + SUFFIX)
    written = mirror.make_incoming()
    commit.write(written)
    try:
        bucket = mirror.bucket
        tag = bucket.replace(name + SUFFIX, written, known.tag) if known else bucket.create(name + SUFFIX, written)
        if tag is None:
            return False
        about = written.stat()
        local.parent.mkdir(parents=True, exist_ok=True)
        written.replace(local)
        mirror.known.add(name + SUFFIX, Known(tag, commit.content, about.st_size, about.st_mtime_ns))
        return True
    finally:
        written.unlink(missing_ok=True)


def update(mirror: Mirror, name: str) -> None:
    """Take the folder as it is in the bucket now, if it is another one than this machine knows."""
    found, known = mirror.bucket.find(name + SUFFIX), mirror.known.get(name + SUFFIX)
    if found is not None and (known is None or known.tag != found.tag):
        pull_commit(mirror, name)


def pull_commit(mirror: Mirror, name: str) -> None:
    """Take a commit, and the files that are needed at once: heads of a shard, small files of a run."""
    folder, local, incoming = mirror.root / name, mirror.find_commit(name), mirror.make_incoming()
    try:
        found = mirror.bucket.download(name + SUFFIX, incoming)
        if found is None:
            return
        commit = Commit.read(incoming, REMEDY)
        before = mirror.read_commit(folder) if local.is_file() else None
        local.parent.mkdir(parents=True, exist_ok=True)
        about = incoming.stat()
        incoming.replace(local)
        try:
            (_take_shard if commit.is_shard else _take_run)(mirror, folder, commit, before)
        except MissingInput as error:  # or no command could begin, not even the one that repairs it
            log.warning("%s: it counts as not made", error.problem)
            remove_copy(mirror, name)
        mirror.known.add(name + SUFFIX, Known(found[1], commit.content, about.st_size, about.st_mtime_ns))
    finally:
        incoming.unlink(missing_ok=True)


def _take_shard(mirror: Mirror, folder: Path, commit: Commit, before: Commit | None) -> None:
    """The files of a shard belong together: those of an earlier one go as a whole."""
    if before is None or before.content != commit.content:
        remove_folder(folder)
    # Its checksums come last: with them it is finished.
    for name in sorted(set(HEADS) & commit.files.keys(), reverse=True):
        if not (folder / name).is_file():
            fetch_file(mirror, folder, name, commit.files[name])


def _take_run(mirror: Mirror, folder: Path, commit: Commit, before: Commit | None) -> None:
    for name in (before.files if before else {}).keys() - commit.files.keys():
        (folder / name).unlink(missing_ok=True)
    run = mirror.name(folder)
    for name, one in commit.files.items():
        changed = before is None or before.files.get(name) != one
        if one.bytes <= SMALL_BYTES or run.startswith("adapted/"):
            if changed or not (folder / name).is_file():
                fetch_file(mirror, folder, name, one)
        elif changed:
            (folder / name).unlink(missing_ok=True)


def remove_copy(mirror: Mirror, name: str) -> None:
    """Remove a folder that another machine has removed."""
    remove_folder(mirror.root / name)
    mirror.find_commit(name).unlink(missing_ok=True)


def fetch(mirror: Mirror, wanted: Sequence[tuple[Path, str]]) -> None:
    """Copy files of committed folders. `NoSpace` where they are more than the cache may have."""
    commits = {folder: mirror.read_commit(folder) for folder in {folder for folder, _ in wanted}}
    files = [(folder, name, one) for folder, name in wanted if (one := _find(commits[folder], name))]
    if not files:
        return
    total = sum(one.bytes for _, _, one in files)
    mirror.cache.make_room(total, f"{mirror.address}")
    for folder in commits:
        touch(folder)
    done = 0
    with ExitStack() as stack:
        label = f"copy from {mirror.address.scheme}"
        bar = stack.enter_context(Progress(label, total >> 20, "MB")) if total >= SHOWN_BYTES else None
        pool = stack.enter_context(ThreadPoolExecutor(min(THREADS, len(files)), thread_name_prefix="fetch"))
        for (_, _, one), _ in zip(files, pool.map(lambda file: fetch_file(mirror, *file), files), strict=True):
            done += one.bytes
            if bar:
                bar.advance((done >> 20) - bar.done)
    mirror.cache.note(total)


def _find(commit: Commit | None, name: str) -> CommittedFile | None:
    return commit.files.get(name) if commit else None


def fetch_file(mirror: Mirror, folder: Path, name: str, one: CommittedFile) -> None:
    """Copy one file and compare it with its checksum. `MissingInput` where it is gone or damaged."""
    incoming, path = mirror.make_incoming(), folder / name
    try:
        found = mirror.bucket.download(one.object, incoming)
        if found is None or found[0] != one.sha256:
            problem = "is missing" if found is None else "damaged since it was written"
            raise MissingInput(f"{mirror.address}/{one.object} ({mirror.name(path)}): {problem}", REMEDY)
        if one.mtime_ns is not None:
            os.utime(incoming, ns=(one.mtime_ns, one.mtime_ns))
        about = incoming.stat()
        path.parent.mkdir(parents=True, exist_ok=True)
        incoming.replace(path)
        if one.mtime_ns is not None:  # of a run: what was fetched and is gone later was removed here
            mirror.known.add(mirror.name(path), Known("", one.sha256, about.st_size, about.st_mtime_ns))
    finally:
        incoming.unlink(missing_ok=True)


def find_damage(mirror: Mirror, folder: Path) -> list[str]:
    """Read all of a folder from the bucket: its missing and damaged files."""
    commit = mirror.read_commit(folder)
    if commit is None:
        return ["is not in the bucket"]

    def is_damaged(one: CommittedFile) -> bool:
        found = mirror.bucket.download(one.object, None)
        return found is None or found[0] != one.sha256

    return [name for name, one in commit.files.items() if is_damaged(one)]


def list_named_objects(mirror: Mirror) -> set[str]:
    """The objects that the commits in the bucket name, as they are now."""
    mirror.pull()
    paths = sorted((mirror.state / "commits").rglob("*.json"))
    return {one.object for path in paths for one in Commit.read(path, REMEDY).files.values()}
