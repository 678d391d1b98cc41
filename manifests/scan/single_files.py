"""A manifest of single files that somebody wants a verdict on: the same stages run on it as on datasets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from unmask.core.errors import MissingInput, UsageError
from unmask.core.hashing import media_id
from unmask.core.process_pool import available_cores
from unmask.manifests.datasets.base import KINDS
from unmask.manifests.datasets.sidecars import text_beside
from unmask.manifests.findings import utf8
from unmask.manifests.manifest import Kind, Manifest, MediaRow, from_rows
from unmask.manifests.scan.probe import probed

DATASET = "files"


def manifest_of_files(files: Sequence[Path]) -> Manifest:
    """One row a file, without label or split, in the order given; a file given twice is one row.

    `MissingInput` for a file that is not there, `UsageError` for one that is no media by its suffix.
    """
    if not files:
        raise UsageError("no files given", "name at least one image, audio or video file")
    paths = list(dict.fromkeys(_checked(path) for path in files))
    root = Path(os.path.commonpath([path.parent for path in paths]))
    rows = [(_row(path, path.relative_to(root).as_posix()), path) for path in paths]
    workers = min(len(rows), available_cores())
    return from_rows(probed(rows, total=len(rows), workers=workers), {DATASET: str(root)})


def _checked(path: Path) -> Path:
    if utf8(str(path.resolve())) != str(path.resolve()):
        raise UsageError(f"{utf8(str(path))}: the path is not UTF-8", "rename the file or its folder")
    if not path.is_file():
        raise MissingInput(f"{path}: no such file", "check the path")
    _kind(path)
    return path.resolve()


def _row(path: Path, name: str) -> MediaRow:
    return MediaRow(
        media_id=media_id(DATASET, name),
        dataset=DATASET,
        domain_id=-1,
        path=name,
        kind=_kind(path),
        label=None,
        method="unknown",
        text=text_beside(path),
    )


def _kind(path: Path) -> Kind:
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise UsageError(f"{path}: not a media file by its name", f"known: {' '.join(KINDS)}")
    return kind
