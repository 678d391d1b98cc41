"""Every file under a folder, in the same order on every machine, and why some are left out."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HIDDEN = {"__macosx", "thumbs.db", "desktop.ini"}


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of one folder."""

    root: Path
    files: list[str] = field(default_factory=list)
    """Paths relative to `root`, with "/", sorted."""
    ignored: Counter[str] = field(default_factory=Counter)
    """Reason -> how many files (or folders, where the reason names a folder)."""


def walk(root: Path) -> Tree:
    """Read the folder. Links to folders are not followed, so there are no loops; no bad entry raises."""
    tree = Tree(root)
    inside = root.resolve()
    pending = [(str(root), "")]
    while pending:
        folder, prefix = pending.pop()
        try:
            with os.scandir(folder) as entries:
                found = list(entries)
        except OSError:
            tree.ignored["folder that cannot be read"] += 1
            continue
        for entry in found:
            problem = _problem(entry, inside)
            if problem:
                tree.ignored[problem] += 1
            elif entry.is_dir(follow_symlinks=False):
                pending.append((entry.path, f"{prefix}{entry.name}/"))
            else:
                tree.files.append(f"{prefix}{entry.name}")
    tree.files.sort()
    return tree


def folders(root: Path) -> Iterator[Path]:
    """The readable folders directly in `root`, by name."""
    try:
        yield from sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return


def fold(name: str) -> str:
    """`name` without what copies of a dataset differ in: case, spaces, dashes, underscores, dots and brackets."""
    return re.sub(r"[\s_\-.()]+", "", name.casefold())


def _problem(entry: os.DirEntry[str], inside: Path) -> str | None:
    if entry.name.startswith(".") or entry.name.casefold() in HIDDEN:
        return "hidden"
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        return "name that is not UTF-8"
    if not entry.is_symlink():
        return None if entry.is_dir() or entry.is_file() else "neither file nor folder"
    try:
        target = Path(entry.path).resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: Python 3.11 and 3.12 report a loop of links this way
        return "broken link"
    if target.is_dir():
        return "link to a folder"
    return None if target.is_relative_to(inside) else "link that leads out of the dataset"
