"""Facts measured from the files of a manifest, kept in a Parquet file beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from unmask.core.errors import BadMedia, MissingInput
from unmask.core.fact_table import Arguments, Completed, Facts, FactTable, Measure, complete_table
from unmask.core.hashing import hash_quickly
from unmask.manifests.manifest import Manifest

# Clocks of a file server and of this machine may differ by so much.
SLACK_NS = 10_000_000_000


@dataclass(frozen=True, slots=True)
class Scanned:
    """A file as the manifest has it."""

    bytes: int
    mtime_ns: int | None
    """None: the manifest is of no scan, and every file is taken for the one that it names."""
    content: str
    """Of `hash_quickly`; "" where the scan could not read it."""
    asked_ns: int
    """When its facts were asked for."""


def measure_files(spec: FactTable, files: Manifest, path: Path, workers: int, columns: Sequence[str] = ()) -> Completed:
    """`complete_table` for the rows of `files`. `spec.measure` gets the path of a file and its row's `columns`.

    A file outside its dataset's folder is not opened: its problem is "refused". That of a file which is not the one
    that was scanned, or is exchanged meanwhile, is "vanished", so that the next call measures it again.
    """
    asked_ns = time.time_ns() - SLACK_NS

    def locate(missing: pa.Table) -> Iterator[Arguments]:
        for row in files.with_table(missing).rows():
            try:
                scanned = Scanned(row.bytes, row.mtime_ns, row.content, asked_ns)
                yield files.locate(row), scanned, *(getattr(row, name) for name in columns)
            except MissingInput as error:
                yield error

    checked = replace(spec, measure=partial(_measure_scanned, spec.measure))
    return complete_table(checked, path, files.table, locate, workers)


def _measure_scanned(measure: Measure, path: Path, scanned: Scanned, *rest: Any) -> Facts:
    try:
        facts = measure(path, *rest)
    except FileNotFoundError:
        raise
    except Exception:  # a file that was cut meanwhile is not a damaged one
        _check_content(path, scanned)
        raise
    _check_content(path, scanned)
    return facts


def _check_content(path: Path, scanned: Scanned) -> None:
    about = path.stat()
    is_old = about.st_ctime_ns < scanned.asked_ns and about.st_mtime_ns == scanned.mtime_ns
    if not scanned.content or scanned.mtime_ns is None or (is_old and about.st_size == scanned.bytes):
        return
    if hash_quickly(path) != scanned.content:
        raise BadMedia(path, "vanished", "changed since the scan", "Scan again")
