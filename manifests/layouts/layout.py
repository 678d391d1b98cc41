"""What a dataset layout is: names to look for, and a function that reads a tree into rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from core.fingerprint import media_id
from manifests.item import DATASETS, Kind, MediaRow, Split
from manifests.layouts.tree import Tree, fold, folders
from manifests.sidecar import Sidecars, collect

KINDS: dict[str, Kind] = {
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"), "image"),  # type: ignore[dict-item]
    **dict.fromkeys((".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac"), "audio"),  # type: ignore[dict-item]
    **dict.fromkeys((".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"), "video"),  # type: ignore[dict-item]
}
TABLES = {".csv", ".tsv", ".json", ".xlsx", ".parquet", ".pkl"}
SPLIT_NAMES: dict[str, Split] = {
    **dict.fromkeys(("train", "training"), "train"),  # type: ignore[dict-item]
    **dict.fromkeys(("val", "valid", "validation"), "val"),  # type: ignore[dict-item]
    **dict.fromkeys(("test", "testing"), "test"),  # type: ignore[dict-item]
}
LABEL_NAMES = {"real": 0, "fake": 1}


@dataclass(frozen=True, slots=True)
class File:
    """One media file as a layout's reader sees it."""

    path: str
    """Relative to the dataset's root, with "/"."""
    kind: Kind
    folders: tuple[str, ...]
    """Names of its folders from the root inwards, each through `fold`."""
    name: str
    """File name in lower case, with its suffix."""
    stem: str
    """File name in lower case, without its suffix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What names and lists tell about one file; the fields mean what they mean in `MediaRow`."""

    label: int
    method: str = "unknown"
    """Only for fakes; a real file's is "none"."""
    video_fake: bool | None = None
    audio_fake: bool | None = None
    people: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    official_split: Split | None = None
    text: str | None = None
    problem: str | None = None
    """Something the user should look at: the file is used all the same."""


Reader = Callable[[File], Facts | str | None]
"""Facts of a file, or why it is ignored, or None for a file that another dataset in the same folder owns."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """Rows of one dataset in the order of their paths, not probed and in no split yet."""

    rows: list[MediaRow] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    """Reason -> number of files."""
    problems: list[str] = field(default_factory=list)
    """What the user should look at: file, problem, remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How one dataset lies on disk."""

    key: str
    names: tuple[str, ...]
    """Folder names to look for; case, spaces, dashes, underscores and brackets don't matter."""
    scan: Callable[[Path], Scanned]
    """Read the dataset's root."""
    marks: tuple[str, ...] = ()
    """Folded names of inner folders that give the dataset away when its own folder was renamed."""
    official_binds: bool = True
    """False: how its published folders were made is undocumented, so the default scheme splits it afresh."""

    def locate(self, data_root: Path) -> list[Path]:
        """Folders directly in `data_root` that bear one of the names, the best name first."""
        known = [fold(name) for name in self.names]
        found = [(known.index(fold(path.name)), path) for path in folders(data_root) if fold(path.name) in known]
        return [path for _, path in sorted(found)]

    def is_root(self, folder: Path) -> bool:
        """Is `folder` this dataset itself, by its name or by what is in it?"""
        inner = {fold(path.name) for path in folders(folder)}
        return fold(folder.resolve().name) in map(fold, self.names) or not inner.isdisjoint(self.marks)


def read_tree(
    key: str,
    tree: Tree,
    read: Reader,
    *,
    kinds: Iterable[Kind],
    lists: Iterable[str] = (),
    domain_id: int | None = None,
) -> Scanned:
    """Rows of the files of `tree` that are of one of `kinds` and that `read` gives facts for.

    `lists` are lower-case names of files that the layout reads itself. `domain_id`: by default the position of `key` in
    DATASETS.
    """
    sidecars = collect(tree.root, tree.files, KINDS)
    scanned = Scanned(ignored=tree.ignored, problems=list(sidecars.problems))
    domain = DATASETS.index(key) if domain_id is None else domain_id
    expected, own_lists = frozenset(kinds), frozenset(lists)
    for path in tree.files:
        name = path.rpartition("/")[2].lower()
        if path in sidecars.used or name in own_lists:
            continue
        file = _file(path, name)
        facts = read(file) if file and file.kind in expected else _not_read(file, name, expected)
        if isinstance(facts, str):
            scanned.ignored[facts] += 1
        elif facts is not None and file is not None:
            scanned.rows.append(make_row(key, domain, file, facts, sidecars))
            if facts.problem:
                scanned.problems.append(f"{tree.root / path}: {facts.problem}")
    return scanned


def make_row(key: str, domain_id: int, file: File, facts: Facts, sidecars: Sidecars) -> MediaRow:
    return MediaRow(
        media_id=media_id(key, file.path),
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
        text=facts.text or sidecars.text(file.path),
    )


def label_of(folded: Iterable[str]) -> int | None:
    """0 under a folder "real", 1 under "fake"; the innermost counts."""
    return next((LABEL_NAMES[name] for name in reversed(list(folded)) if name in LABEL_NAMES), None)


def split_of(folded: Iterable[str]) -> Split | None:
    """The split a folder name tells; the innermost counts."""
    return next((SPLIT_NAMES[name] for name in reversed(list(folded)) if name in SPLIT_NAMES), None)


def _file(path: str, name: str) -> File | None:
    pure = PurePosixPath(path)
    kind = KINDS.get(pure.suffix.lower())
    if kind is None:
        return None
    return File(path, kind, tuple(fold(part) for part in pure.parts[:-1]), name, pure.stem.lower())


def _not_read(file: File | None, name: str, expected: frozenset[Kind]) -> str:
    if file is not None:
        return f"{file.kind} where the dataset has {' and '.join(sorted(expected))}"
    return "table or list" if PurePosixPath(name).suffix in TABLES else "not media"
