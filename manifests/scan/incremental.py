"""Probe only new files: a file of unchanged size and modification time keeps the header fields of the last scan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from unmask.core.errors import MissingInput
from unmask.manifests.manifest import BATCH, Manifest, MediaRow, has_current_probes, read_manifest
from unmask.manifests.scan.probe import FIELDS, with_probe


def read_previous_manifest(path: Path) -> Manifest | None:
    """Manifest of an earlier scan; None if it is missing, unreadable, or of a program that read headers otherwise."""
    try:
        manifest = read_manifest(path)
    except MissingInput:
        return None
    return manifest if has_current_probes(path) else None


def reuse_probes(
    rows: Sequence[MediaRow], root: Path, previous: Manifest, *, full_content: bool, failures: bool = False
) -> Iterator[MediaRow | None]:
    """Per row the row with the header fields of `previous`, or None where the file must be probed.

    Failed files are probed again: a permission or a hang changes neither size nor modification time. Not with
    `failures`, when `previous` is part of the same scan.
    """
    known = _select_usable(previous, full_content, failures)
    ids = pa.array([row.media_id for row in rows], pa.string())
    positions = pc.index_in(ids, value_set=known.column("media_id").combine_chunks())
    for start in range(0, len(rows), BATCH):
        part = positions.slice(start, BATCH)
        earlier = known.take(part.drop_null()).select(FIELDS).to_batches()
        probes = (probe for batch in earlier for probe in batch.to_pylist())
        for row, position in zip(rows[start : start + BATCH], part.to_pylist(), strict=True):
            probe = next(probes) if position is not None else None
            is_known = probe and (probe["reason"] is not None or _is_unchanged(root / row.path, probe))
            yield with_probe(row, probe) if probe and is_known else None


def _select_usable(previous: Manifest, full_content: bool, failures: bool) -> pa.Table:
    table = previous.table.select(["media_id", "status", *FIELDS])
    usable = pc.and_(pc.equal(table.column("status"), "ok"), pc.is_valid(table.column("mtime_ns")))
    if full_content:
        usable = pc.and_(usable, pc.is_valid(table.column("sha256")))
    if failures:
        usable = pc.or_(usable, pc.equal(table.column("status"), "failed"))
    return table.filter(usable)


def _is_unchanged(path: Path, probe: dict[str, Any]) -> bool:
    try:
        about = path.stat()
    except OSError:
        return False
    return bool(about.st_size == probe["bytes"] and about.st_mtime_ns == probe["mtime_ns"])
