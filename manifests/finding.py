"""Which datasets lie under a folder: the nine by their names, then anybody's own folders and tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from core.errors import MissingInput, UsageError
from manifests.item import DATASETS
from manifests.layouts import LAYOUTS, own, table
from manifests.layouts.layout import Scanned
from manifests.layouts.tree import folders


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


def find(data_root: Path) -> list[Found]:
    """Datasets in `data_root`, in the order of domain ids. `data_root` may also be one dataset itself, or a table.

    `MissingInput` when it does not exist. Empty when nothing is recognised.
    """
    if data_root.is_file():
        return _own([data_root]) if table.is_table(data_root) else []
    if not data_root.is_dir():
        raise MissingInput(
            f"{data_root}: no such folder", "give the folder that holds the datasets: DATA=/path/to/datasets"
        )
    known = _known(data_root)
    if not known:
        itself = _itself(data_root)
        if itself:
            return itself
    claimed = {path for found in known for path in (found.place, *found.others)}
    return known + _own([path for path in _candidates(data_root) if path not in claimed])


def _known(data_root: Path) -> list[Found]:
    found = []
    for key, layout in LAYOUTS.items():
        places = layout.locate(data_root)
        if places:
            root = places[0]
            found.append(Found(key=key, place=root, root=root, scan=partial(layout.scan, root), others=places[1:]))
    return found


def _itself(folder: Path) -> list[Found]:
    """`folder` as a dataset: every layout that knows it (both parts of DEEP-VOICE do), else somebody's own."""
    known = [
        Found(key=key, place=folder, root=folder, scan=partial(layout.scan, folder))
        for key, layout in LAYOUTS.items()
        if layout.is_root(folder)
    ]
    return known or (_own([folder]) if own.is_own(folder) else [])


def _candidates(data_root: Path) -> list[Path]:
    try:
        tables = sorted(path for path in data_root.iterdir() if table.is_table(path))
    except OSError as error:
        raise MissingInput(f"{data_root}: cannot be read ({error.strerror})", "check its permissions") from error
    return [path for path in folders(data_root) if own.is_own(path)] + tables


def _own(places: list[Path]) -> list[Found]:
    """Further datasets; their domain ids follow the nine in the order of their keys."""
    keyed: dict[str, Path] = {}
    for place in places:
        key = own.key_of(place.resolve().name if place.is_dir() else place.stem)
        if key in keyed or key in DATASETS:
            raise UsageError(
                f"{place}: would be called {key}, as {keyed.get(key, 'a known dataset')} is", "rename one of them"
            )
        keyed[key] = place
    found = []
    for domain_id, key in enumerate(sorted(keyed), len(DATASETS)):
        place = keyed[key]
        reader = own.scan if place.is_dir() else table.scan
        root = place if place.is_dir() else place.parent
        found.append(Found(key=key, place=place, root=root, scan=partial(reader, place, key, domain_id)))
    return found
