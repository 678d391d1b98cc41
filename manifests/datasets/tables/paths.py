"""Paths of a table on this disk: relative to the table's folder or a media root, or absolute; in any Unicode form."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import unquote

REMEDY = "--media-root FOLDER names the folder that the paths are relative to"


@dataclass(frozen=True, slots=True)
class TablePlaces:
    """Where the files of a table lie."""

    base: Path
    """Absolute folder that relative paths of the table start from."""
    root: Path
    """Folder that holds all its files: `base`, unless absolute paths lead elsewhere."""
    parents: frozenset[Path] = frozenset()
    """Absolute folders of its files."""
    known: dict[Path, dict[str, str]] = field(default_factory=dict)
    """Folder -> folded name -> name on disk: filled while paths are resolved."""
    missing: list[str] = field(default_factory=list)
    """Listed paths, relative to `root`, that are not on disk: filled while paths are resolved."""

    def make_relative(self, name: str) -> str:
        """Path of the listed file relative to `root`, with "/", spelled as on disk. `ValueError` when it is outside."""
        listed = parse(name)
        for base in (self.base, self.base.resolve()) if listed.is_absolute() else ():
            if listed.is_relative_to(base):
                listed = listed.relative_to(base)
                break
        whole = self.base / listed
        if ".." in listed.parts or not whole.is_relative_to(self.root):
            raise ValueError(f"path {name!r} leaves the dataset's folder {self.root}; {REMEDY}")
        return self._spell_as_on_disk(whole.relative_to(self.root))

    def _spell_as_on_disk(self, path: Path) -> str:
        """macOS writes accents as letters of their own (NFD), most other systems do not (NFC); nor do macOS and Windows
        mind upper and lower case."""
        text = path.as_posix()
        if os.path.lexists(self.root / path):
            return text
        folder = self.root
        for part in path.parts:
            exact = os.path.lexists(folder / part)
            folder /= part if exact else self._list_names(folder).get(_fold(part), part)
        if not os.path.lexists(folder):
            self.missing.append(text)
            return text
        return folder.relative_to(self.root).as_posix()

    def _list_names(self, folder: Path) -> dict[str, str]:
        if folder not in self.known:
            try:
                names = [path.name for path in folder.iterdir()]
            except OSError:
                names = []
            counts = Counter(map(_fold, names))
            # Where two names differ in nothing else, neither is meant for sure.
            self.known[folder] = {_fold(name): name for name in names if counts[_fold(name)] == 1}
        return self.known[folder]


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def find_places(table: Path, names: Iterable[str], media_root: Path | None) -> TablePlaces:
    """The root is the table's folder or `media_root`; with absolute paths elsewhere, the folder above all files."""
    base = (media_root or table.parent).absolute()
    parents: set[PurePosixPath] = set()
    for name in names:
        try:
            parents.add(parse(name).parent)
        except ValueError:
            continue  # refused with its line number when the rows are read
    absolute = {Path(parent) for parent in parents if parent.is_absolute()}
    inside = {parent for parent in absolute if _is_inside(parent, base)}
    relative = {base / parent for parent in parents if not parent.is_absolute()}
    folders = frozenset(inside | absolute | relative)
    if media_root or inside == absolute:
        return TablePlaces(base, base, folders)
    return TablePlaces(base, Path(os.path.commonpath([*absolute, *([base] if relative or inside else [])])), folders)


def parse(name: str) -> PurePosixPath:
    """`ValueError` for what cannot be a path on this machine."""
    if "\0" in name:
        raise ValueError(f"path {name!r} contains a zero byte")
    if name.startswith("file://"):
        name = unquote(name.removeprefix("file://").removeprefix("localhost"))
    if "://" in name:
        raise ValueError(f"path {name!r} is an address; download the file and list its path")
    if PureWindowsPath(name).drive:
        raise ValueError(f"path {name!r} names a drive; write it relative to a folder; {REMEDY}")
    path = PurePosixPath(name.replace("\\", "/"))
    return PurePosixPath(Path(path).expanduser()) if path.parts[:1] == ("~",) else path


def _is_inside(path: Path, base: Path) -> bool:
    return path.is_relative_to(base) or path.is_relative_to(base.resolve())
