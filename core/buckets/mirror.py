"""The local copy of a work folder in a bucket.

    <copy>/...              as in any work folder; shards may lack files that nothing has needed yet
    <copy>/.bucket/
        address.json        of what it is a copy
        known.jsonl         objects and the files that are equal to them (known_objects.py)
        commits/            the commits of folders, by their paths
        incoming/           files that are being fetched

Files are objects of their own, each replaced only if it is still the one that this machine knows. Folders are committed
(commits.py): shards when they are finished, runs when a command ends (run_folders.py).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from unmask.core.buckets import committed_folders, run_folders
from unmask.core.buckets.addresses import Address
from unmask.core.buckets.bucket import Bucket, StoredObject
from unmask.core.buckets.commits import OBJECTS, SUFFIX, Commit
from unmask.core.buckets.known_objects import Known, KnownObjects
from unmask.core.buckets.local_cache import LocalCache, pin_store
from unmask.core.buckets.mirrored import STATE
from unmask.core.errors import MissingInput
from unmask.core.file_lock import LOCKS, hold_lock
from unmask.core.files.writers import LENGTH, is_dead, mark_writer
from unmask.core.hashing import hash_file

log = logging.getLogger("unmask")

# Requests wait for the network and not for a core.
REQUESTS_AT_ONCE = 24
# Files of this machine alone: locks, notes about the local disk, and output that is not finished.
PRIVATE_NAMES = ("lock", "checked.json")
PRIVATE_FOLDERS = (LOCKS, STATE, OBJECTS)
PRIVATE_PREFIXES = (".", "unmask-work-")
AGAIN = "run the same command again: it begins with what is in the bucket now"


class Mirror:
    """Keeps a copy and its bucket together. For any thread; several processes may have one of the same copy."""

    def __init__(self, address: Address, root: Path) -> None:
        self.address, self.root = address, root
        self.bucket = Bucket(address)
        self.state = root / STATE
        self.known = KnownObjects(self.state / "known.jsonl")
        self.cache = LocalCache(root.parent)

    def name(self, path: Path) -> str:
        """The path within the work folder."""
        return path.absolute().relative_to(self.root).as_posix()

    def find_commit(self, name: str) -> Path:
        """Where the copy keeps the commit of a folder."""
        return self.state / "commits" / f"{name}.json"

    def read_commit(self, folder: Path) -> Commit | None:
        """The commit of a folder that this machine knows; None for one without."""
        path = self.find_commit(self.name(folder))
        return Commit.read(path, f"remove it: {AGAIN}") if path.is_file() else None

    def make_incoming(self) -> Path:
        """A new file name on the disk of the copy."""
        place = self.state / "incoming"
        place.mkdir(parents=True, exist_ok=True)
        return place / mark_writer()

    # From the bucket to the copy

    def pull(self) -> None:
        """Bring the copy up to date: files, heads of shards, and the small files of runs."""
        self._remove_leftovers()
        with hold_lock(self.root / LOCKS / "bucket", "another command", wait=True):
            before = self.known.snapshot()
            listed = self.bucket.list_objects(without=OBJECTS)
            changed = [name for name, about in listed.items() if self._is_new(name, about)]
            with ThreadPoolExecutor(REQUESTS_AT_ONCE, thread_name_prefix="pull") as pool:
                for _ in pool.map(self._pull_object, changed):
                    pass
            for name in before.keys() - listed.keys():
                if before[name].tag:
                    self._remove_copy(name, before[name])

    def _is_new(self, name: str, about: StoredObject) -> bool:
        known, place = self.known.get(name), self._place(name)
        if place is None:
            return False
        # A process that was killed between its commit and the copy's folder has the first alone.
        is_there = place.is_file() and (self.root / name.removesuffix(SUFFIX)).exists()
        return known is None or known.tag != about.tag or not is_there

    def _place(self, name: str) -> Path | None:
        """Where the copy has an object; None for a name that is none of ours."""
        parts = name.split("/")
        if not {"", ".", ".."}.isdisjoint(parts) or parts[0] in PRIVATE_FOLDERS:
            return None
        return self.find_commit(name.removesuffix(SUFFIX)) if name.endswith(SUFFIX) else self.root / name

    def _pull_object(self, name: str) -> None:
        if name.endswith(SUFFIX):
            if not run_folders.is_held(self, name.removesuffix(SUFFIX)):
                committed_folders.pull_commit(self, name.removesuffix(SUFFIX))
            return
        incoming, path = self.make_incoming(), self.root / name
        try:
            found = self.bucket.download(name, incoming)
            if found is None:  # removed since it was listed
                return
            about = incoming.stat()
            path.parent.mkdir(parents=True, exist_ok=True)
            incoming.replace(path)
            self.known.add(name, Known(found[1], found[0], about.st_size, about.st_mtime_ns))
        finally:
            incoming.unlink(missing_ok=True)

    def _remove_copy(self, name: str, known: Known) -> None:
        """Remove what another machine has removed, but no run that is being trained here."""
        if name.endswith(SUFFIX):
            if run_folders.is_held(self, name.removesuffix(SUFFIX)):
                return
            committed_folders.remove_copy(self, name.removesuffix(SUFFIX))
        elif known.is_of(self.root / name):
            (self.root / name).unlink(missing_ok=True)
        self.known.forget(name)

    def _remove_leftovers(self) -> None:
        for path in (self.state / "incoming").glob("*"):
            if is_dead(path.name[:LENGTH]):
                path.unlink(missing_ok=True)

    def update_folders(self, folders: Sequence[Path]) -> None:
        with ThreadPoolExecutor(min(REQUESTS_AT_ONCE, len(folders)), thread_name_prefix="update") as pool:
            for _ in pool.map(lambda folder: committed_folders.update(self, self.name(folder)), folders):
                pass

    def fetch(self, wanted: Iterable[tuple[Path, str]], *, again: bool = False) -> None:
        """Have files of committed folders, given with their folders, in the copy."""
        lacking = [(folder, name) for folder, name in wanted if again or not (folder / name).is_file()]
        committed_folders.fetch(self, lacking)

    def fetch_folders(self, folders: Sequence[Path]) -> None:
        for store in {folder.parent for folder in folders}:
            pin_store(store)
        commits = {folder: self.read_commit(folder) for folder in folders}
        self.fetch((folder, name) for folder, commit in commits.items() if commit for name in commit.files)

    def find_damage(self, folder: Path) -> list[str]:
        return committed_folders.find_damage(self, folder)

    # From the copy to the bucket

    def is_private(self, name: str) -> bool:
        """Is it a file of this machine alone?"""
        parts = name.split("/")
        hidden = any(part.startswith(PRIVATE_PREFIXES) for part in parts)
        return hidden or parts[0] in PRIVATE_FOLDERS or parts[-1] in PRIVATE_NAMES

    def publish_file(self, temporary: Path, path: Path) -> None:
        name = self.name(path)
        if self.is_private(name) or run_folders.find_run(name):
            return
        digest, about = hash_file(temporary), temporary.stat()
        self.known.refresh()
        known = self.known.get(name)
        if known and known.sha256 == digest:
            tag: str | None = known.tag
        elif known:
            tag = self.bucket.replace(name, temporary, known.tag)
        else:
            tag = self.bucket.create(name, temporary)
        if tag is None:
            tag = self._accept_equal(name, digest)
        self.known.add(name, Known(tag, digest, about.st_size, about.st_mtime_ns))

    def _accept_equal(self, name: str, digest: str) -> str:
        """The tag of the object that came before ours, if both are equal. `MissingInput` if not."""
        found = self.bucket.download(name, None)
        if found is None or found[0] != digest:
            raise MissingInput(f"{self.address}/{name}: another machine has changed it meanwhile", AGAIN)
        return found[1]

    def publish_folder(self, temporary: Path, path: Path) -> bool:
        name = self.name(path)
        if self.is_private(name) or run_folders.find_run(name):
            return True
        return committed_folders.publish(self, temporary, path)

    def publish_runs(self) -> None:
        """Publish the runs that have changed and that nobody trains now."""
        run_folders.publish_runs(self)

    def remove(self, path: Path) -> None:
        """Remove a file, or a folder with all that was committed or published in it."""
        name = self.name(path)
        self.known.refresh()
        names = [one for one in self.known.snapshot() if one == name + SUFFIX or f"{one}/".startswith(f"{name}/")]
        self.delete(names)

    def delete(self, names: Collection[str]) -> None:
        """Delete objects, and what this machine knows of them. The content of commits stays until `remove_unused`."""
        self.bucket.delete([name for name in names if (known := self.known.get(name)) and known.tag])
        for name in names:
            self.known.forget(name)
            if name.endswith(SUFFIX):
                self.find_commit(name.removesuffix(SUFFIX)).unlink(missing_ok=True)

    def remove_unused(self, older_s: float) -> tuple[int, int]:
        """Delete content that no commit names and that is `older_s` seconds old: (objects, bytes).

        Younger content may belong to a commit that is about to be made.
        """
        named = committed_folders.list_named_objects(self)
        before = time.time() - older_s
        stored = self.bucket.list_folder(OBJECTS)
        unused = {name: about for name, about in stored.items() if name not in named and about.modified_s < before}
        self.bucket.delete(unused)
        return len(unused), sum(about.bytes for about in unused.values())
