"""Which datasets lie under a folder: the nine by their names, then anybody's own folders and tables."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from unmask.core.errors import MissingInput, UsageError
from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.datasets import custom_folder as own
from unmask.manifests.datasets import custom_table as table
from unmask.manifests.datasets.base import Layout, Scanned, level_of
from unmask.manifests.datasets.file_tree import entries, folders, is_shown, leads_to_folder
from unmask.manifests.findings import Conflict, Ignored, utf8
from unmask.manifests.manifest import Compression

NO_DATASET = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One dataset on this disk."""

    key: str
    place: Path
    """What was recognised: a folder, or a table."""
    root: Path
    """What the paths of its rows are relative to."""
    scan: Callable[[], Scanned]
    others: list[Path] = field(default_factory=list)
    """Further folders that bear one of its names; they are not read."""

    def doubles(self) -> list[Conflict]:
        problem = f"bears a name of {self.key}, as {self.place.name} does, and was not read"
        remedy = "Put both into one folder, or rename this one to read it as a dataset of your own"
        return [Conflict(self.key, str(other), problem, remedy) for other in self.others]


def find(data_root: Path, compression: Compression | None = None) -> list[Found]:
    """Datasets in `data_root`, in the order of domain ids. `data_root` may also be one dataset itself, or a table.

    Of several folders of one dataset, the first whose name says no other level than `compression` is read.
    `MissingInput` when it does not exist, cannot be read, or is a table without its columns. Empty when nothing is
    recognised.
    """
    if utf8(str(data_root)) != str(data_root):
        raise MissingInput(f"{utf8(str(data_root))}: the path is not UTF-8", "rename the folder, or link to it")
    try:
        about = data_root.stat()
    except OSError as error:
        hint = "give the folder that holds the datasets: DATA=/path/to/datasets"
        raise MissingInput(f"{data_root}: no such folder ({error.strerror})", hint) from error
    if not stat.S_ISDIR(about.st_mode):
        return [_checked_table(data_root)]
    if entries(data_root) is None:
        raise MissingInput(f"{data_root}: cannot be read", "check its permissions")
    known = _known(data_root, compression)
    if not known:
        itself = _itself(data_root)
        if itself:
            return itself
    claimed = {path for found in known for path in (found.place, *found.others)}
    return known + _own([path for path in _candidates(data_root) if path not in claimed])


def unclaimed(data_root: Path, found: list[Found]) -> list[Ignored]:
    """What lies in `data_root` beside the datasets; nothing when it is a dataset itself."""
    claimed = {path for dataset in found for path in (dataset.place, *dataset.others)}
    if data_root in claimed:
        return []
    left = []
    for entry in sorted(entries(data_root) or (), key=lambda entry: entry.name):
        if is_shown(entry.name) and data_root / entry.name not in claimed:
            if utf8(entry.name) != entry.name:
                reason = "name that is not UTF-8"
            elif not leads_to_folder(entry):
                reason = "not in the folder of a dataset"
            elif entries(data_root / entry.name) is None:
                reason = "folder that cannot be read"
            else:
                reason = "folder of no dataset"
            left.append(Ignored(NO_DATASET, utf8(entry.name), reason))
    return left


def _known(data_root: Path, compression: Compression | None) -> list[Found]:
    found = []
    for key, layout in LAYOUTS.items():
        # False sorts first, and sorting keeps the order of equals.
        places = sorted(layout.locate(data_root), key=lambda path: level_of(path.name) not in (compression, None))
        if places:
            root, *others = places
            found.append(Found(key=key, place=root, root=root, scan=_scan_of(layout, root), others=others))
    return found


def _itself(folder: Path) -> list[Found]:
    """`folder` as a dataset: every layout that knows it (both parts of DEEP-VOICE do), else somebody's own."""
    known = [
        Found(key=key, place=folder, root=folder, scan=_scan_of(layout, folder))
        for key, layout in LAYOUTS.items()
        if layout.is_root(folder)
    ]
    return known or (_own([folder]) if own.is_own(folder) else [])


def _scan_of(layout: Layout, root: Path) -> Callable[[], Scanned]:
    return partial(_numbered, layout, root, list(LAYOUTS).index(layout.key))


def _numbered(layout: Layout, root: Path, domain_id: int) -> Scanned:
    """What the layout reads. One that is not among the nine leaves it to its line in LAYOUTS which number it has."""
    scanned = layout.scan(root)
    if all(row.domain_id == domain_id for row in scanned.rows):
        return scanned
    return replace(scanned, rows=[replace(row, domain_id=domain_id) for row in scanned.rows])


def _candidates(data_root: Path) -> list[Path]:
    names = sorted(entry.name for entry in entries(data_root) or () if utf8(entry.name) == entry.name)
    tables = [data_root / name for name in names if table.is_table(data_root / name)]
    return [path for path in folders(data_root) if own.is_own(path)] + tables


def _checked_table(path: Path) -> Found:
    missing = table.missing_columns(path) if table.may_be_table(path) else list(table.NEEDED)
    if missing:
        problem = f"{path}: no dataset, it has no column {', '.join(missing)}"
        raise MissingInput(problem, f"a CSV or Parquet table needs the columns {', '.join(table.NEEDED)}")
    return _own([path])[0]


def _own(places: list[Path]) -> list[Found]:
    """Further datasets; their domain ids follow those of LAYOUTS in the order of their keys."""
    keyed: dict[str, Path] = {}
    for place in places:
        key = own.key_of(place.resolve().name if place.is_dir() else place.stem)
        if key in keyed or key in LAYOUTS:
            raise UsageError(
                f"{place}: would be called {key}, as {keyed.get(key, 'a known dataset')} is", "rename one of them"
            )
        keyed[key] = place
    found = []
    for domain_id, key in enumerate(sorted(keyed), len(LAYOUTS)):
        place = keyed[key]
        reader = own.scan if place.is_dir() else table.scan
        root = place if place.is_dir() else place.parent
        found.append(Found(key=key, place=place, root=root, scan=partial(reader, place, key, domain_id)))
    return found
