"""List the files of a folder in the same order on every machine, with the reasons for those left out."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from unmask.core.files.read_failures import raise_disk_failure
from unmask.manifests.findings import escape_non_utf8

# Folders and files of operating systems, network storage and notebooks; names that begin with a dot are hidden too.
HIDDEN = {
    *("__macosx", "thumbs.db", "desktop.ini", "icon\r"),
    *("$recycle.bin", "recycler", "recycled", "system volume information", "found.000", "lost+found"),
    *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@tmp", "@sharebin"),
    *("__pycache__",),
}

# Reasons that may hide more than one file: shown as conflicts, with a remedy.
REMEDIES = {
    "folder that cannot be read": "Check its permissions and scan again",
    "link to a folder": "Put the folder itself there, or scan with --follow-links",
    "broken link": "Restore its target or remove the link",
    "link that leads out of the dataset": "Put the file itself there, or scan with --follow-links",
    "name that is not UTF-8": "Rename it; manifests, reports and decoders need names in UTF-8",
}

_FOLLOW: ContextVar[bool] = ContextVar("follow_links", default=False)
_SEPARATORS = re.compile(r"[\s_\-.()]+")


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of one folder."""

    root: Path
    files: list[str] = field(default_factory=list)
    """Paths relative to `root`, with "/", sorted."""
    left_out: list[tuple[str, str]] = field(default_factory=list)
    """(Path, reason) per entry that is left out; entries inside a hidden folder are not listed."""


@contextmanager
def following_links(follow: bool = True) -> Iterator[None]:
    """Within it, `walk` reads linked folders, and links to files anywhere."""
    before = _FOLLOW.set(follow)
    try:
        yield
    finally:
        _FOLLOW.reset(before)


def walk(root: Path) -> Tree:
    """List the folder recursively. Bad entries are listed, not raised.

    Links to folders, and to files outside of `root`, are left out, unless `following_links`. Then every folder is read
    once, under its own name rather than a link's, and no folder above `root` is, so that loops end.
    """
    tree = Tree(root)
    inside = root.resolve()
    pending, links = [""], list[str]()
    read = {inside, *inside.parents} if _FOLLOW.get() else set()
    while pending or links:
        # The least link, not the one that the file system lists first.
        prefix = pending.pop() if pending else links.pop(links.index(min(links)))
        if _FOLLOW.get() and prefix:
            target = (root / prefix).resolve()
            if target in read:
                tree.left_out.append((escape_non_utf8(prefix.rstrip("/")), "link to a folder that is read already"))
                continue
            read.add(target)
        found = list_entries(root / prefix)
        if found is None:
            tree.left_out.append((escape_non_utf8(prefix.rstrip("/")) or ".", "folder that cannot be read"))
            continue
        for entry in found:
            path = f"{prefix}{entry.name}"
            problem = _find_problem(entry, inside)
            if _FOLLOW.get() and problem == "link to a folder":
                links.append(f"{path}/")
            elif _FOLLOW.get() and problem == "link that leads out of the dataset":
                tree.files.append(path)
            elif problem:
                tree.left_out.append((escape_non_utf8(path), problem))
            elif entry.is_dir(follow_symlinks=False):
                pending.append(f"{path}/")
            else:
                tree.files.append(path)
    tree.files.sort()
    tree.left_out.sort()
    return tree


def list_entries(folder: Path) -> list[os.DirEntry[str]] | None:
    """Entries directly in `folder`; None when it cannot be read."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError as error:
        raise_disk_failure(error)
        return None


def list_folders(root: Path) -> Iterator[Path]:
    """Folders and links to folders directly in `root`, sorted by name, without hidden and non-UTF-8 ones."""
    found = [entry.name for entry in list_entries(root) or () if is_shown(entry.name) and is_folder(entry)]
    yield from (root / name for name in sorted(found) if escape_non_utf8(name) == name)


def list_files(folder: Path) -> Iterator[Path]:
    """Files and links to files directly in `folder`, without hidden ones; none when it cannot be read."""
    for entry in list_entries(folder) or ():
        if is_shown(entry.name) and is_regular_file(entry):
            yield folder / entry.name


def is_shown(name: str) -> bool:
    return not name.startswith(".") and name.casefold() not in HIDDEN


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Is it a folder or a link to one? False when this cannot be determined."""
    try:
        return entry.is_dir()
    except OSError as error:  # a loop of links, or a target behind a folder that may not be entered
        raise_disk_failure(error)
        return False


def is_regular_file(entry: os.DirEntry[str]) -> bool:
    """Is it a file or a link to one? Opening anything else, such as a named pipe, would wait for ever."""
    try:
        return entry.is_file()
    except OSError as error:
        raise_disk_failure(error)
        return False


def fold(name: str) -> str:
    """`name` in lower case without spaces, dashes, underscores, dots and brackets, which differ between copies."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFC", name).casefold())


def _find_problem(entry: os.DirEntry[str], inside: Path) -> str | None:
    if not is_shown(entry.name):
        return "hidden"
    if not entry.name.isascii() and escape_non_utf8(entry.name) != entry.name:
        return "name that is not UTF-8"
    try:
        if not entry.is_symlink():
            return None if entry.is_dir() or entry.is_file() else "neither file nor folder"
        target = Path(entry.path).resolve(strict=True)
        if target.is_dir():
            return "link to a folder"
        if not target.is_file():  # opening a pipe or a socket would wait for ever
            return "neither file nor folder"
    except (OSError, RuntimeError):  # RuntimeError: Python 3.11 and 3.12 report a loop of links this way
        return "broken link"
    return None if target.is_relative_to(inside) else "link that leads out of the dataset"
