"""How a dataset lies on disk: folder names to look for, and a function that reads a tree into rows."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from unmask.core.hashing import make_media_id
from unmask.manifests.datasets.file_tree import REMEDIES, Tree, fold, list_folders
from unmask.manifests.datasets.folder_names import LEVEL, normalize_name, parse_label, parse_split
from unmask.manifests.datasets.outline import NO, SURE, Match, Outline
from unmask.manifests.datasets.sidecars import Sidecars, collect_sidecars, split_suffix
from unmask.manifests.findings import Conflict, Ignored, Refused, Trouble, as_trouble, list_ignored
from unmask.manifests.manifest import DATASETS, Compression, Kind, MediaRow, Split
from unmask.manifests.masks import MASK_FOLDERS, Masks
from unmask.media.media_kind import KINDS, PARTIAL, find_kind

log = logging.getLogger("unmask")

TABLES = {".csv", ".tsv", ".json", ".xlsx", ".parquet", ".pkl"}
# FaceForensics++'s own loader writes c0 for what its folders call raw.
LEVELS: dict[str, Compression] = {"raw": "raw", "c0": "raw", "c23": "c23", "c40": "c40"}

NO_DOMAIN = -1

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class File:
    """One media file, as passed to the reader of a dataset."""

    path: str
    """Relative to the dataset's root, with "/"."""
    kind: Kind
    folders: tuple[str, ...]
    """Names of its folders from the root inward, each normalized by `fold`."""
    name: str
    """File name in lower case, with its suffix."""
    stem: str
    """File name in lower case, without its suffix."""
    compression: Compression | None = None
    """The level named by the innermost folder that names one, including the dataset's own folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Attributes of one file from its name, folders and lists; the fields are those of `MediaRow`."""

    label: int
    method: str = "unknown"
    """Of a fake; a real file gets "none"."""
    video_fake: bool | None = None
    audio_fake: bool | None = None
    people: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    official_split: Split | None = None
    compression: Compression | None = None
    text: str | None = None
    key: str | None = None
    """Identifies the recording within the dataset; a second file of the same key is left out. None: unknown."""
    scene: str | None = None
    """Of a video: key of the recording whose frames it shows, the same for an original and its forgeries."""
    trouble: Trouble | None = None
    """A warning for the user; the file is used."""


Reader = Callable[[File], Facts | Refused | str]
"""Attributes of a file, or why it is ignored: `Refused` when the user can fix it."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """Rows of one dataset sorted by path, before probing and splitting."""

    rows: list[MediaRow] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)
    """One entry per file that is not a row."""
    conflicts: list[Conflict] = field(default_factory=list)
    """Warnings for the user."""

    @property
    def reasons(self) -> Counter[str]:
        """Reason -> number of ignored files."""
        return Counter(one.reason for one in self.ignored)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How one dataset lies on disk."""

    key: str
    names: tuple[str, ...]
    """Folder names to look for; case, spaces, dashes, underscores, brackets and compression levels are ignored."""
    scan: Callable[[Path], Scanned]
    """Root of the dataset -> its rows."""
    marks: tuple[str, ...] = ()
    """Folded names of inner folders that identify the dataset when its own folder was renamed."""
    fits: Callable[[Outline], Match] | None = None
    """How sure the upper folders and file names are of the dataset; None: SURE with one of `marks`, else NO."""
    generic: tuple[str, ...] = ()
    """Those of `names` that any dataset may have: they count for nothing without the dataset's own folders."""
    official_binds: bool = True
    """False: its published split is undocumented, so the default scheme makes a new one."""

    def locate(self, data_root: Path) -> list[Path]:
        """Folders directly in `data_root` with one of the names, in the order of `names`."""
        known = [normalize_name(name) for name in self.names]
        found = [
            (known.index(normalize_name(path.name)), path)
            for path in list_folders(data_root)
            if normalize_name(path.name) in known
        ]
        return [path for _, path in sorted(found)]

    def match(self, outline: Outline) -> Match:
        if self.fits:
            try:
                return self.fits(outline)
            except Exception as error:
                trouble = as_trouble(error, outline.root, f"it is not recognized as {self.key}")
                log.warning("%s: %s", outline.root, trouble.problem)
                return NO
        return NO if outline.top.isdisjoint(self.marks) else SURE


def read_tree(
    key: str,
    tree: Tree,
    read: Reader,
    *,
    kinds: Iterable[Kind],
    lists: Iterable[str] = (),
    domain_id: int | None = None,
    mask_folders: Iterable[str] = MASK_FOLDERS,
    owns: Callable[[tuple[str, ...], str], bool] = lambda folders, stem: True,
) -> Scanned:
    """One row per file of `tree` that is of one of `kinds` and for which `read` returns `Facts`.

    `lists`: lower-case names of list files that the dataset reads itself. `domain_id`: by default the position of `key`
    in DATASETS. `mask_folders` hold masks of the manipulated region (masks.py), not media. `owns` (folded folders,
    lower-case stem) is False for files of another dataset in the same folder.
    """
    unnamed = _find_unnamed(tree)
    sidecars = collect_sidecars(tree.root, tree.files, KINDS, unnamed)
    reading = _Reading(key, tree.root, read, frozenset(kinds), sidecars, _get_domain(key, domain_id), unnamed)
    reading.mask_folders = frozenset(mask_folders)
    own_lists = frozenset(lists)
    for path in tree.files:
        folder, _, name = path.rpartition("/")
        name = name.lower()
        if path in sidecars.used or name in own_lists:
            continue
        stem, suffix = split_suffix(name)
        if owns(reading.fold_folder(folder), stem):
            reading.take(path, folder, name, stem, suffix)
    reading.masks.assign(reading.scanned.rows, tree.root)
    return _with_left_out(reading.scanned, key, tree, sidecars)


@dataclass(slots=True)
class _Reading:
    """One dataset while its files are read."""

    key: str
    root: Path
    read: Reader
    kinds: frozenset[Kind]
    sidecars: Sidecars
    domain_id: int
    unnamed: Mapping[str, Kind]
    """Media files whose suffix does not say so -> kind."""
    mask_folders: frozenset[str] = frozenset()
    scanned: Scanned = field(default_factory=Scanned)
    seen: dict[str, str] = field(default_factory=dict)
    """Key of a recording -> path of its first file."""
    known: dict[str, tuple[tuple[str, ...], Compression | None]] = field(default_factory=dict)
    """Folder -> its folded names and level: computed once per folder, not per file."""
    masks: Masks = field(default_factory=Masks)

    def fold_folder(self, folder: str) -> tuple[str, ...]:
        return self._describe_folder(folder)[0]

    def take(self, path: str, folder: str, name: str, stem: str, suffix: str) -> None:
        kind = KINDS.get(suffix) or self.unnamed.get(path)
        if kind is None:
            unread = "incomplete download" if suffix in PARTIAL else "not media"
            return self._ignore(path, "table or list" if suffix in TABLES else unread)
        folders, compression = self._describe_folder(folder)
        if not self.mask_folders.isdisjoint(folders):
            self.masks.add_mask(path, kind, folders, stem)
            return self._ignore(path, "mask")
        if kind not in self.kinds:
            return self._ignore(path, f"{kind} in a dataset of {' and '.join(sorted(self.kinds))}")
        file = File(path, kind, folders, name, stem, compression)
        facts = self._read_safely(file)
        if not isinstance(facts, Facts):
            return self._leave_out(path, facts)
        first = self.seen.setdefault(facts.key, path) if facts.key is not None else path
        if first != path:
            return self._leave_out(
                path, Refused("second file of the same recording", f"Remove it or {first}, which is used")
            )
        self.scanned.rows.append(make_row(self.key, self.domain_id, file, facts, self.sidecars))
        if kind == "video" and self.mask_folders:
            self.masks.add_video(path, folders, stem, facts.scene)
        if facts.trouble:
            self.scanned.conflicts.append(Conflict(self.key, path, *facts.trouble))
        return None

    def _read_safely(self, file: File) -> Facts | Refused | str:
        try:
            return self.read(file)
        except Exception as error:
            return Refused(*as_trouble(error, self.root / file.path, "nothing is known of it"))

    def _ignore(self, path: str, reason: str) -> None:
        self.scanned.ignored.append(Ignored(self.key, path, reason))

    def _leave_out(self, path: str, why: Refused | str) -> None:
        if isinstance(why, str):
            return self._ignore(path, why)
        self._ignore(path, why.reason)
        self.scanned.conflicts.append(Conflict(self.key, path, f"left out: {why.reason}", why.remedy))
        return None

    def _describe_folder(self, folder: str) -> tuple[tuple[str, ...], Compression | None]:
        if folder not in self.known:
            parts = folder.split("/") if folder else []
            levels = (find_level(part) for part in (*reversed(parts), self.root.absolute().name))
            self.known[folder] = tuple(map(fold, parts)), next(filter(None, levels), None)
        return self.known[folder]


def make_row(key: str, domain_id: int, file: File, facts: Facts, sidecars: Sidecars) -> MediaRow:
    return MediaRow(
        media_id=make_media_id(key, file.path),
        dataset=key,
        domain_id=domain_id,
        path=file.path,
        kind=file.kind,
        label=facts.label,
        video_fake=facts.video_fake,
        audio_fake=facts.audio_fake,
        method=facts.method if facts.label else "none",
        people=facts.people,
        sources=facts.sources,
        official_split=facts.official_split,
        compression=facts.compression,
        text=facts.text or sidecars.text(file.path),
    )


def find_label(folded: Iterable[str]) -> int | None:
    """0 in a folder of real files, 1 in one of fakes (folder_names.py); the innermost counts."""
    return _find_innermost(folded, parse_label)


def find_split(folded: Iterable[str]) -> Split | None:
    """The split that a folder name gives; the innermost counts."""
    return _find_innermost(folded, parse_split)


def find_level(name: str) -> Compression | None:
    """The compression level in a folder name such as "c23" or "FaceForensics++_C23"."""
    found = LEVEL.findall(name)
    return LEVELS[found[-1].lower()] if found else None


def _find_innermost(folded: Iterable[str], parse: Callable[[str], Value | None]) -> Value | None:
    return next((value for name in reversed(list(folded)) if (value := parse(name)) is not None), None)


def _get_domain(key: str, domain_id: int | None) -> int:
    if domain_id is not None:
        return domain_id
    return DATASETS.index(key) if key in DATASETS else NO_DOMAIN


def _find_unnamed(tree: Tree) -> dict[str, Kind]:
    """Media files of unknown suffix, by their first bytes."""
    suffixes = ((path, split_suffix(path.rpartition("/")[2])[1]) for path in tree.files)
    found = ((path, find_kind(tree.root / path, suffix)) for path, suffix in suffixes if suffix not in KINDS)
    return {path: kind for path, kind in found if kind}


def _with_left_out(scanned: Scanned, key: str, tree: Tree, sidecars: Sidecars) -> Scanned:
    """`scanned` with the findings of the walk and the sidecars, sorted by path."""
    scanned.ignored.extend(list_ignored(key, tree.left_out))
    scanned.ignored.extend(Ignored(key, path, "text without words") for path in sidecars.wordless)
    scanned.ignored.sort(key=lambda one: one.path)
    conflicts = [Conflict(key, path, reason, REMEDIES[reason]) for path, reason in tree.left_out if reason in REMEDIES]
    scanned.conflicts.extend([*conflicts, *(Conflict(key, path, *trouble) for path, trouble in sidecars.troubles)])
    scanned.conflicts.sort(key=lambda one: one.path)
    return scanned
