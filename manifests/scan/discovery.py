"""Find the datasets in folders: the known ones by their content or name, then the user's own folders and tables."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from unmask.core.errors import MissingInput, UsageError
from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.datasets import custom_folder as own
from unmask.manifests.datasets import custom_table as table
from unmask.manifests.datasets.base import Layout, Scanned, find_level
from unmask.manifests.datasets.file_tree import is_folder, is_shown, list_entries, list_files
from unmask.manifests.datasets.folder_names import normalize_name
from unmask.manifests.datasets.tables import lines
from unmask.manifests.datasets.tables.paths import TablePlaces
from unmask.manifests.findings import Conflict, Ignored, escape_non_utf8
from unmask.manifests.manifest import Compression
from unmask.manifests.scan.recognition import Candidate, has_name, list_candidates, recognize_itself

# Tables in forms that are not read.
FOREIGN = (".xlsx", ".xls", ".ods", ".json", ".jsonl", ".csv.gz", ".csv.zip", ".feather", ".arrow", ".pkl", ".db")

NO_DATASET = ""
NO_DATASET_FOLDER = "folder that is not a dataset"


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
    """Further folders that are the same dataset; they are not read."""
    is_table: bool = False
    parents: frozenset[Path] = frozenset()
    """Of a table: absolute folders of its files."""
    covered: tuple[Path, ...] = ()
    """Of a table: folders that would be datasets of their own; it decides which of their files are read."""

    def find_duplicates(self) -> list[Conflict]:
        remedy = "Put both into one folder, or rename this one to use it as a dataset of your own"
        return [
            Conflict(
                self.key,
                str(other),
                f"also has {'a name' if has_name(self.key, other) else 'the content'} of {self.key}, like "
                f"{self.place.name}, and is not read",
                remedy,
            )
            for other in self.others
        ]


def find_datasets(
    data: Path | Sequence[Path], compression: Compression | None = None, *, media_root: Path | None = None
) -> list[FoundDataset]:
    """Datasets in one or several folders, in the order of domain ids. Each may also be one dataset itself, or a table.

    Of several folders of one dataset, the first whose name does not give another level than `compression` is read.
    `media_root`: folder that the paths of tables are relative to, instead of the table's. Empty when no dataset is
    recognized. `MissingInput` when a folder does not exist, cannot be read, or is a table without the required columns.
    """
    roots = [data] if isinstance(data, Path) else list(data)
    if media_root is not None and not media_root.is_dir():
        raise MissingInput(f"{media_root}: no such folder", "--media-root names the folder that holds the media")
    candidates: dict[Path, Candidate] = {}
    for root in roots:
        for one in _read_root(root):
            candidates.setdefault(one.place.resolve(), one)
    if media_root is not None and not any(one.place.is_file() for one in candidates.values()):
        raise UsageError(
            "--media-root: no table is found", "it is the folder that the paths in a table are relative to"
        )
    tables = {
        place: table.locate(place, media_root)
        for place in (one.place for one in candidates.values())
        if not place.is_dir()
    }
    covered = {
        one.place: place
        for one in candidates.values()
        for place, files in tables.items()
        # The name of a known dataset says more than a table, its content alone does not.
        if not any(has_name(key, one.place) for key in one.keys) and _holds_any(one.place, files.parents)
    }
    free = [one for one in candidates.values() if one.place not in covered]
    known = _make_known([one for one in free if one.keys], compression)
    return known + _make_custom([one for one in free if not one.keys], tables, covered)


def list_unclaimed(data_root: Path, found: list[FoundDataset]) -> list[Ignored]:
    """Entries of `data_root` that belong to no dataset; none when it is a dataset itself."""
    data_root = data_root.absolute()
    places = (path for dataset in found for path in (dataset.place, *dataset.others, *dataset.covered))
    claimed = {path.absolute() for path in places}
    if data_root in claimed:
        return []
    claimed |= {parent for dataset in found for parent in dataset.parents} - {data_root, *data_root.parents}
    holding = {parent for path in claimed for parent in path.parents}
    left = list(_list_unclaimed_in(data_root, "", claimed, holding))
    loose = recognize_itself(data_root) if left and data_root.is_dir() else ()
    if not loose:
        return left
    reason = f"part of {loose[0]}, loose beside other datasets: give it a folder of its own"
    return [replace(one, reason=reason) if one.reason == NO_DATASET_FOLDER else one for one in left]


def describe_tables(root: Path) -> tuple[str, str] | None:
    """Problem and remedy of the file in the folder `root` that is probably meant as a table; None without one."""
    files = sorted(path for path in list_files(root) if escape_non_utf8(path.name) == path.name)
    tables = [path for path in files if table.is_candidate(path)]
    for path in sorted(tables, key=lambda path: not table.looks_like_table(path)):
        problem, remedy = table.describe_columns(path)
        return f"{path.name} has {problem}", remedy
    foreign = next((path.name for path in files if path.name.lower().endswith(FOREIGN)), None)
    return (f"{foreign} is no CSV, TSV or Parquet", "save it as CSV with the columns path,label") if foreign else None


def _list_unclaimed_in(folder: Path, prefix: str, claimed: set[Path], holding: set[Path]) -> Iterator[Ignored]:
    for entry in sorted(list_entries(folder) or (), key=lambda entry: entry.name):
        path = folder / entry.name
        if not is_shown(entry.name) or path in claimed:
            continue
        if path in holding and is_folder(entry):
            yield from _list_unclaimed_in(path, f"{prefix}{entry.name}/", claimed, holding)
            continue
        yield Ignored(NO_DATASET, escape_non_utf8(f"{prefix}{entry.name}"), _explain_unclaimed(entry, path))


def _explain_unclaimed(entry: object, path: Path) -> str:
    if escape_non_utf8(path.name) != path.name:
        return "name that is not UTF-8"
    if path.is_dir():
        return "folder that cannot be read" if list_entries(path) is None else NO_DATASET_FOLDER
    missing = table.find_missing_columns(path) if table.is_candidate(path) else []
    # A table with one of the two was meant as a dataset.
    if len(missing) == 1 or (missing and table.looks_like_table(path)):
        return f"table without the column {' and '.join(missing)}"
    return "not in the folder of a dataset"


def _read_root(root: Path) -> list[Candidate]:
    if escape_non_utf8(str(root)) != str(root):
        raise MissingInput(f"{escape_non_utf8(str(root))}: the path is not UTF-8", "rename the folder, or link to it")
    try:
        about = root.stat()
    except OSError as error:
        hint = "give the folder that holds the datasets: DATA=/path/to/datasets"
        raise MissingInput(f"{root}: no such folder ({error.strerror})", hint) from error
    if not stat.S_ISDIR(about.st_mode):
        return [_check_table(root)]
    if list_entries(root) is None:
        raise MissingInput(f"{root}: cannot be read", "check its permissions")
    return list_candidates(root)


def _check_table(path: Path) -> Candidate:
    if not table.is_candidate(path):
        kinds = ", ".join(lines.SUFFIXES)
        raise MissingInput(f"{path}: neither a folder nor a table", f"give a folder, or a table ({kinds}) of files")
    if table.find_missing_columns(path):
        problem, hint = table.describe_columns(path)
        raise MissingInput(f"{path}: not a dataset: {problem}", hint)
    return Candidate(path, name=path.stem)


def _make_known(candidates: list[Candidate], compression: Compression | None) -> list[FoundDataset]:
    found = []
    for key, layout in LAYOUTS.items():
        places = sorted((one.place for one in candidates if key in one.keys), key=partial(_rank, layout, compression))
        if places:
            root, *others = places
            found.append(FoundDataset(key=key, place=root, root=root, scan=_make_scan(layout, root), others=others))
    return found


def _rank(layout: Layout, compression: Compression | None, place: Path) -> tuple[bool, int]:
    """The chosen level first, then the order of the names; sorting keeps the order of equals."""
    names = [normalize_name(name) for name in layout.names]
    name = normalize_name(place.name)
    return find_level(place.name) not in (compression, None), names.index(name) if name in names else len(names)


def _make_scan(layout: Layout, root: Path) -> Callable[[], Scanned]:
    return partial(_scan_with_domain, layout, root, list(LAYOUTS).index(layout.key))


def _scan_with_domain(layout: Layout, root: Path, domain_id: int) -> Scanned:
    """Rows of the dataset with `domain_id`, its position in LAYOUTS: a dataset added later does not know its number."""
    scanned = layout.scan(root)
    if all(row.domain_id == domain_id for row in scanned.rows):
        return scanned
    return replace(scanned, rows=[replace(row, domain_id=domain_id) for row in scanned.rows])


def _make_custom(
    candidates: list[Candidate], tables: dict[Path, TablePlaces], covered: dict[Path, Path]
) -> list[FoundDataset]:
    """The user's own datasets; their domain ids follow those of LAYOUTS, sorted by key.

    `covered`: folder -> the table that decides which of its files are read.
    """
    keyed = _name_all(candidates)
    found = []
    for domain_id, key in enumerate(sorted(keyed), len(LAYOUTS)):
        place = keyed[key]
        if place in tables:
            beside = tuple(folder for folder, by in covered.items() if by == place)
            files = tables[place]
            read = partial(table.scan, place, key, domain_id, files)
            found.append(
                FoundDataset(
                    key=key,
                    place=place,
                    root=files.root,
                    scan=read,
                    is_table=True,
                    parents=files.parents,
                    covered=beside,
                )
            )
        else:
            found.append(FoundDataset(key=key, place=place, root=place, scan=partial(own.scan, place, key, domain_id)))
    return found


def _holds_any(folder: Path, paths: Iterable[Path]) -> bool:
    places = (folder.absolute(), folder.resolve())
    return any(path.is_relative_to(place) for path in paths for place in places)


def _name_all(candidates: list[Candidate]) -> dict[str, Path]:
    """Key -> folder or table. Equal names in different folders get the name of their folder in front."""
    keys = [_make_key(one.name) for one in candidates]
    keyed: dict[str, Path] = {}
    for one, key in zip(candidates, keys, strict=True):
        parents = {other.place.parent for other, name in zip(candidates, keys, strict=True) if name == key}
        unique = key if len(parents) == 1 else _make_key(f"{one.place.resolve().parent.name} {one.name}")
        if unique in keyed or unique in LAYOUTS:
            taken = keyed.get(unique, "a known dataset")
            raise UsageError(f"{one.place}: the name {unique} is already taken by {taken}", "rename one of them")
        keyed[unique] = one.place
    return keyed


def _make_key(name: str) -> str:
    """A folder called "archive" that is not the dataset of that name is a dataset of the user's own."""
    key = own.make_key(name)
    generic = {own.make_key(name) for layout in LAYOUTS.values() for name in layout.generic}
    return f"own_{key}" if key in generic & LAYOUTS.keys() else key
