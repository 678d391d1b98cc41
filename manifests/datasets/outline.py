"""The upper folders of a tree and a few of its file names: enough to recognize a dataset without reading all of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

from unmask.manifests.datasets.file_tree import fold, is_folder, is_shown

DEPTH = 4
FOLDERS = 400
# Entries listed per folder, and file names kept of them.
ENTRIES = 5000
NAMES = 24
MAJORITY = 0.8

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")

Match = Literal[0, 1, 2]
NO: Match = 0
POSSIBLE: Match = 1
SURE: Match = 2
# Is a tree a dataset's? NO; POSSIBLE: if its name says so too; SURE: whatever its name.


@dataclass(frozen=True)
class Outline:
    root: Path
    folders: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    """Folded names of folders from `root` inward -> lower-case names of some files in it."""

    @property
    def top(self) -> frozenset[str]:
        """Folded names of the folders directly in the root."""
        return frozenset(path[0] for path in self.folders if len(path) == 1)

    def inside(self, *names: str) -> frozenset[str]:
        """Folded names of the folders directly in the folder `names`."""
        return frozenset(path[-1] for path in self.folders if path[:-1] == names and path)

    def has_names(
        self, wanted: Callable[[tuple[str, ...], str], bool], among: Callable[[tuple[str, ...], str], bool]
    ) -> bool:
        """Are most of the files `among`, by folders and name, `wanted`? False where there are none."""
        names = [(path, name) for path, found in self.folders.items() for name in found if among(path, name)]
        return bool(names) and sum(wanted(*name) for name in names) >= MAJORITY * len(names)


def is_image(name: str) -> bool:
    return name.endswith(IMAGES)


def draw_outline(root: Path) -> Outline:
    """Without hidden folders and files; a folder that cannot be read is empty."""
    outline = Outline(root)
    pending: list[tuple[Path, tuple[str, ...]]] = [(root, ())]
    while pending and len(outline.folders) < FOLDERS:
        folder, path = pending.pop(0)
        entries = sorted(_list_some(folder), key=lambda entry: entry.name)
        folders = {entry.name for entry in entries if is_folder(entry)}
        files = [entry.name.lower() for entry in entries if entry.name not in folders]
        outline.folders[path] = tuple(files[:: max(1, len(files) // NAMES)][:NAMES])
        if len(path) < DEPTH:
            pending += [(folder / name, (*path, fold(name))) for name in sorted(folders)]
    return outline


def _list_some(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            yield from (entry for entry in islice(found, ENTRIES) if is_shown(entry.name))
    except OSError:
        return
