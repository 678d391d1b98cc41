"""Every file under a folder, in the same order on every machine, and why some are left out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from unmask.manifests.findings import utf8

HIDDEN = {"__macosx", "thumbs.db", "desktop.ini"}

# Reasons that may cost more than the one entry, so that the user is told at once what to do.
REMEDIES = {
    "folder that cannot be read": "Check its permissions and scan again",
    "link to a folder": "Put the folder itself there; only the dataset's own folder may be a link",
    "broken link": "Put its target back or remove the link",
    "link that leads out of the dataset": "Put the file itself there",
    "name that is not UTF-8": "Rename it; manifests, reports and decoders need names in UTF-8",
}

_SEPARATORS = re.compile(r"[\s_\-.()]+")


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of one folder."""

    root: Path
    files: list[str] = field(default_factory=list)
    """Paths relative to `root`, with "/", sorted."""
    left_out: list[tuple[str, str]] = field(default_factory=list)
    """(Path, reason) of each entry that is not a file to read; those of a hidden folder are not listed singly."""


def walk(root: Path) -> Tree:
    """Read the folder. Links to folders are not followed, so there are no loops; no bad entry raises."""
    tree = Tree(root)
    inside = root.resolve()
    pending = [""]
    while pending:
        prefix = pending.pop()
        found = entries(root / prefix)
        if found is None:
            tree.left_out.append((utf8(prefix.rstrip("/")) or ".", "folder that cannot be read"))
            continue
        for entry in found:
            path = f"{prefix}{entry.name}"
            problem = _problem(entry, inside)
            if problem:
                tree.left_out.append((utf8(path), problem))
            elif entry.is_dir(follow_symlinks=False):
                pending.append(f"{path}/")
            else:
                tree.files.append(path)
    tree.files.sort()
    tree.left_out.sort()
    return tree


def entries(folder: Path) -> list[os.DirEntry[str]] | None:
    """What is directly in `folder`; None when it cannot be read."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return None


def folders(root: Path) -> Iterator[Path]:
    """The folders and links to folders directly in `root`, by name; no hidden ones, and none that is not UTF-8."""
    found = [entry.name for entry in entries(root) or () if is_shown(entry.name) and leads_to_folder(entry)]
    yield from (root / name for name in sorted(found) if utf8(name) == name)


def is_shown(name: str) -> bool:
    return not name.startswith(".") and name.casefold() not in HIDDEN


def leads_to_folder(entry: os.DirEntry[str]) -> bool:
    """Is it a folder or a link to one? False where that cannot be found out."""
    try:
        return entry.is_dir()
    except OSError:  # a loop of links, or a target behind a folder that may not be entered
        return False


def fold(name: str) -> str:
    """`name` without what copies of a dataset differ in: case, spaces, dashes, underscores, dots and brackets."""
    return _SEPARATORS.sub("", name.casefold())


def _problem(entry: os.DirEntry[str], inside: Path) -> str | None:
    if not is_shown(entry.name):
        return "hidden"
    if not entry.name.isascii() and utf8(entry.name) != entry.name:
        return "name that is not UTF-8"
    try:
        if not entry.is_symlink():
            return None if entry.is_dir() or entry.is_file() else "neither file nor folder"
        target = Path(entry.path).resolve(strict=True)
        if target.is_dir():
            return "link to a folder"
    except (OSError, RuntimeError):  # RuntimeError: Python 3.11 and 3.12 report a loop of links this way
        return "broken link"
    return None if target.is_relative_to(inside) else "link that leads out of the dataset"
