"""Detect damaged folders: `checksums.json`, written last, holds the SHA-256 of every file in the folder."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Lock

from unmask.core.atomic_files import write_json
from unmask.core.buckets.mirrored import fetch_files, find_mirror, keep_in_copy
from unmask.core.errors import MissingInput, raise_read_failure
from unmask.core.hashing import hash_file

FILE = "checksums.json"


def write_checksums(folder: Path) -> None:
    """Write the checksums of all files in `folder`."""
    write_json(folder / FILE, {name: hash_file(folder / name) for name in _names(folder)})


def find_damage(folder: Path) -> list[str]:
    """Names of files that are missing, added or changed since `write_checksums`; empty if the folder is intact."""
    try:
        sealed = _read_sealed(folder)
    except (OSError, ValueError) as error:
        raise_read_failure(error)
        return [FILE]
    present = _names(folder)
    damaged = set(sealed) ^ set(present)
    damaged |= {name for name in present if name in sealed and hash_file(folder / name) != sealed[name]}
    return sorted(damaged)


class CheckedFiles:
    """The files of a sealed folder, each compared with its checksum before it is first used. For any thread."""

    def __init__(self, folder: Path, remedy: str) -> None:
        """`MissingInput` with this remedy where the folder was never finished."""
        self.folder, self._remedy = folder, remedy
        self._checked: set[str] = set()
        self._lock = Lock()
        self._is_mirrored = find_mirror(folder) is not None
        try:
            self._sealed = _read_sealed(folder)
        except (OSError, ValueError) as error:
            raise_read_failure(error)
            raise MissingInput(f"{folder}: without readable {FILE}", remedy) from error

    def lists(self, name: str) -> bool:
        """Was this file there when the folder was sealed?"""
        return name in self._sealed

    def keep(self) -> AbstractContextManager[None]:
        """Checked files stay as long as the block: those of a bucket's copy are evicted otherwise."""
        return keep_in_copy(self.folder, self._is_mirrored)

    def check(self, names: Collection[str]) -> None:
        """Compare files, by their paths in the folder. A file may be absent if it was absent when it was sealed.

        `MissingInput` for one that is missing, was added or has changed; `OSError` where it cannot be read.
        """
        if self._is_mirrored:
            fetch_files(self.folder, [name for name in names if name in self._sealed])
        for name in names:
            if name in self._checked:
                continue
            if not self._is_whole(name) and not (self._fetch_again(name) and self._is_whole(name)):
                raise MissingInput(f"{self.folder / name}: damaged since it was written", self._remedy)
            with self._lock:
                self._checked.add(name)

    def _is_whole(self, name: str) -> bool:
        path = self.folder / name
        return (hash_file(path) if path.is_file() else None) == self._sealed.get(name)

    def _fetch_again(self, name: str) -> bool:
        """From the bucket, where there is one: only the copy may be damaged."""
        if self._is_mirrored and name in self._sealed:
            fetch_files(self.folder, [name], again=True)
        return self._is_mirrored


def list_files(folder: Path) -> dict[str, os.DirEntry[str]]:
    """Path within `folder` -> the file, sorted, of all files at any depth; a linked folder is not entered."""
    found: dict[str, os.DirEntry[str]] = {}
    waiting = [(str(folder), "")]
    while waiting:
        path, within = waiting.pop()
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, f"{within}{entry.name}/"))
                elif entry.is_file():
                    found[within + entry.name] = entry
    return dict(sorted(found.items()))


def _read_sealed(folder: Path) -> dict[str, str]:
    """File -> its SHA-256. `ValueError` for anything else."""
    try:
        sealed = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("not checksums") from error
    if not isinstance(sealed, dict):
        raise ValueError("not checksums")
    return sealed


def _names(folder: Path) -> list[str]:
    try:
        files = list_files(folder)
    except FileNotFoundError:
        return []
    return [name for name in files if name.rpartition("/")[2] != FILE]
