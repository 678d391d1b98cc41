"""Manifest of single files to predict: the same stages run on it as on datasets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from unmask.core.errors import MachineFailed, MissingInput, UsageError
from unmask.core.files.read_failures import CHECK
from unmask.core.hashing import make_media_id
from unmask.core.process_pool import count_cores
from unmask.manifests.datasets.sidecars import read_text_beside
from unmask.manifests.findings import escape_non_utf8
from unmask.manifests.manifest import Kind, Manifest, MediaRow, from_rows
from unmask.manifests.scan.probe import NOT_READ, probe_rows
from unmask.media.media_kind import find_kind

DATASET = "files"


def make_file_manifest(files: Sequence[Path], *, workers: int | None = None, fork: bool = True) -> Manifest:
    """One row per file, without label or split, in the order of `files`; duplicates become one row.

    `workers`: processes at most, None for one per core. `fork`: as in `run_isolated`.
    What is not image, audio or video is a failed row. `MissingInput` for a missing file, `MachineFailed` where the
    disk fails.
    """
    if not files:
        raise UsageError("no files given", "name at least one image, audio or video file")
    paths = list(dict.fromkeys(_check_path(path) for path in files))
    root = Path(os.path.commonpath([path.parent for path in paths]))
    rows = [(_make_row(path, path.relative_to(root).as_posix()), path) for path in paths]
    workers = min(len(rows), workers or count_cores())
    return from_rows(
        map(_check_read, probe_rows(rows, total=len(rows), workers=workers, fork=fork)), {DATASET: str(root)}
    )


def _check_read(row: MediaRow) -> MediaRow:
    if (row.reason or "").startswith(NOT_READ):
        raise MachineFailed(f"{row.path}: {row.reason}", CHECK)
    return row


def _check_path(path: Path) -> Path:
    if escape_non_utf8(str(path.resolve())) != str(path.resolve()):
        raise UsageError(f"{escape_non_utf8(str(path))}: the path is not UTF-8", "rename the file or its folder")
    if not path.is_file():
        raise MissingInput(f"{path}: no such file", "check the path")
    return path.resolve()


def _make_row(path: Path, name: str) -> MediaRow:
    return MediaRow(
        media_id=make_media_id(DATASET, name),
        dataset=DATASET,
        domain_id=-1,
        path=name,
        kind=_get_kind(path),
        label=None,
        method="unknown",
        text=read_text_beside(path),
    )


def _get_kind(path: Path) -> Kind:
    # What is no media fails as such when its header is read.
    return find_kind(path, path.suffix.lower()) or "image"
