"""Find the datasets in a folder: the known ones by their names, then the user's own folders and tables."""

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
from unmask.manifests.datasets.base import Layout, Scanned, find_level
from unmask.manifests.datasets.file_tree import is_folder, is_shown, list_entries, list_folders
from unmask.manifests.findings import Conflict, Ignored, escape_non_utf8
from unmask.manifests.manifest import Compression

NO_DATASET = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDataset:
    """One dataset on this disk."""

    key: str
    place: Path
    """The folder or table that was recognized."""
    root: Path
    """Folder that the paths of its rows are relative to."""
    scan: Callable[[], Scanned]
    others: list[Path] = field(default_factory=list)
    """Further folders with one of its names; they are not read."""

    def find_duplicates(self) -> list[Conflict]:
        problem = f"also has a name of {self.key}, like {self.place.name}, and is not read"
        remedy = "Put both into one folder, or rename this one to use it as a dataset of your own"
        return [Conflict(self.key, str(other), problem, remedy) for other in self.others]


def find_datasets(data_root: Path, compression: Compression | None = None) -> list[FoundDataset]:
    """Datasets in `data_root`, in the order of domain ids. `data_root` may also be one dataset itself, or a table.

    Of several folders of one dataset, the first whose name does not give another level than `compression` is read.
    Empty when no dataset is recognized. `MissingInput` when `data_root` does not exist, cannot be read, or is a table
    without the required columns.
    """
    if escape_non_utf8(str(data_root)) != str(data_root):
        raise MissingInput(
            f"{escape_non_utf8(str(data_root))}: the path is not UTF-8", "rename the folder, or link to it"
        )
    try:
        about = data_root.stat()
    except OSError as error:
        hint = "give the folder that holds the datasets: DATA=/path/to/datasets"
        raise MissingInput(f"{data_root}: no such folder ({error.strerror})", hint) from error
    if not stat.S_ISDIR(about.st_mode):
        return [_check_table(data_root)]
    if list_entries(data_root) is None:
        raise MissingInput(f"{data_root}: cannot be read", "check its permissions")
    known = _find_known(data_root, compression)
    if not known:
        itself = _recognize(data_root)
        if itself:
            return itself
    claimed = {path for found in known for path in (found.place, *found.others)}
    return known + _make_custom([path for path in _list_candidates(data_root) if path not in claimed])


def list_unclaimed(data_root: Path, found: list[FoundDataset]) -> list[Ignored]:
    """Entries of `data_root` that belong to no dataset; none when it is a dataset itself."""
    claimed = {path for dataset in found for path in (dataset.place, *dataset.others)}
    if data_root in claimed:
        return []
    left = []
    for entry in sorted(list_entries(data_root) or (), key=lambda entry: entry.name):
        if is_shown(entry.name) and data_root / entry.name not in claimed:
            if escape_non_utf8(entry.name) != entry.name:
                reason = "name that is not UTF-8"
            elif not is_folder(entry):
                reason = "not in the folder of a dataset"
            elif list_entries(data_root / entry.name) is None:
                reason = "folder that cannot be read"
            else:
                reason = "folder that is not a dataset"
            left.append(Ignored(NO_DATASET, escape_non_utf8(entry.name), reason))
    return left


def _find_known(data_root: Path, compression: Compression | None) -> list[FoundDataset]:
    found = []
    for key, layout in LAYOUTS.items():
        # False sorts first, and sorting keeps the order of equals.
        places = sorted(layout.locate(data_root), key=lambda path: find_level(path.name) not in (compression, None))
        if places:
            root, *others = places
            found.append(FoundDataset(key=key, place=root, root=root, scan=_make_scan(layout, root), others=others))
    return found


def _recognize(folder: Path) -> list[FoundDataset]:
    """`folder` as a dataset: every known dataset that it is (two for DEEP-VOICE), else one of the user's own."""
    known = [
        FoundDataset(key=key, place=folder, root=folder, scan=_make_scan(layout, folder))
        for key, layout in LAYOUTS.items()
        if layout.is_root(folder)
    ]
    return known or (_make_custom([folder]) if own.is_own(folder) else [])


def _make_scan(layout: Layout, root: Path) -> Callable[[], Scanned]:
    return partial(_scan_with_domain, layout, root, list(LAYOUTS).index(layout.key))


def _scan_with_domain(layout: Layout, root: Path, domain_id: int) -> Scanned:
    """Rows of the dataset with `domain_id`, its position in LAYOUTS: a dataset added later does not know its number."""
    scanned = layout.scan(root)
    if all(row.domain_id == domain_id for row in scanned.rows):
        return scanned
    return replace(scanned, rows=[replace(row, domain_id=domain_id) for row in scanned.rows])


def _list_candidates(data_root: Path) -> list[Path]:
    names = sorted(entry.name for entry in list_entries(data_root) or () if escape_non_utf8(entry.name) == entry.name)
    tables = [data_root / name for name in names if table.is_table(data_root / name)]
    return [path for path in list_folders(data_root) if own.is_own(path)] + tables


def _check_table(path: Path) -> FoundDataset:
    missing = table.find_missing_columns(path) if table.is_candidate(path) else list(table.NEEDED)
    if missing:
        problem = f"{path}: not a dataset: missing column {', '.join(missing)}"
        raise MissingInput(problem, f"a CSV or Parquet table needs the columns {', '.join(table.NEEDED)}")
    return _make_custom([path])[0]


def _make_custom(places: list[Path]) -> list[FoundDataset]:
    """The user's own datasets; their domain ids follow those of LAYOUTS, sorted by key."""
    keyed: dict[str, Path] = {}
    for place in places:
        key = own.make_key(place.resolve().name if place.is_dir() else place.stem)
        if key in keyed or key in LAYOUTS:
            raise UsageError(
                f"{place}: the name {key} is already taken by {keyed.get(key, 'a known dataset')}", "rename one of them"
            )
        keyed[key] = place
    found = []
    for domain_id, key in enumerate(sorted(keyed), len(LAYOUTS)):
        place = keyed[key]
        if place.is_dir():
            found.append(FoundDataset(key=key, place=place, root=place, scan=partial(own.scan, place, key, domain_id)))
        else:
            files = table.locate(place)
            read = partial(table.scan, place, key, domain_id, files)
            found.append(FoundDataset(key=key, place=place, root=files.root, scan=read))
    return found
