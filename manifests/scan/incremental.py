"""Probe only new files: one of unchanged size and times keeps the header fields of the last scan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from unmask.core.errors import MissingInput
from unmask.core.hashing import hash_quickly
from unmask.manifests.manifest import BATCH, Manifest, MediaRow, has_current_probes, read_manifest
from unmask.manifests.scan.probe import FIELDS, with_probe

DOUBT_NS = 3600 * 10**9
"""Before a manifest was written: how long its scan may have taken, and what clocks of a disk and a machine differ."""


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
    moved = bool(rows) and previous.roots.get(rows[0].dataset) != str(root.resolve())
    files = _KnownFiles(root, 0 if moved else _find_doubtful_time(previous))
    for start in range(0, len(rows), BATCH):
        part = positions.slice(start, BATCH)
        earlier = known.take(part.drop_null()).select(FIELDS).to_batches()
        probes = (probe for batch in earlier for probe in batch.to_pylist())
        for row, position in zip(rows[start : start + BATCH], part.to_pylist(), strict=True):
            probe = next(probes) if position is not None else None
            is_known = probe and (probe["reason"] is not None or files.is_unchanged(row.path, probe))
            yield with_probe(row, probe) if probe and is_known else None


def _find_doubtful_time(previous: Manifest) -> int | None:
    return None if previous.written_ns is None else previous.written_ns - DOUBT_NS


def _select_usable(previous: Manifest, full_content: bool, failures: bool) -> pa.Table:
    table = previous.table.select(["media_id", "status", *FIELDS])
    usable = pc.and_(pc.equal(table.column("status"), "ok"), pc.is_valid(table.column("mtime_ns")))
    if full_content:
        usable = pc.and_(usable, pc.is_valid(table.column("sha256")))
    if failures:
        usable = pc.or_(usable, pc.equal(table.column("status"), "failed"))
    return table.filter(usable)


class _KnownFiles:
    """Is a file of `root` the one that an earlier scan probed?

    Two files of one size and time may have been swapped, which only the time of the change of their inodes tells. Files
    with a later one than `doubtful_ns` are compared by content (192 KB each), and those of folders that were renamed
    since. None: size and modification time decide alone.
    """

    def __init__(self, root: Path, doubtful_ns: int | None) -> None:
        self._root, self._doubtful_ns = root, doubtful_ns
        self._folders: dict[Path, int] = {}

    def is_unchanged(self, name: str, probe: dict[str, Any]) -> bool:
        path = self._root / name
        try:
            about = path.stat()
            if (about.st_size, about.st_mtime_ns) != (probe["bytes"], probe["mtime_ns"]):
                return False
            if self._doubtful_ns is None or max(about.st_ctime_ns, self._find_rename(path.parent)) < self._doubtful_ns:
                return True
            return bool(hash_quickly(path) == probe["content"])
        except OSError:
            return False

    def _find_rename(self, folder: Path) -> int:
        """The latest time, in nanoseconds, that this folder or one above it up to the root may have been renamed at."""
        if folder not in self._folders:
            about = folder.stat()
            # A new entry changes both times of a folder, a new name only one.
            renamed = about.st_ctime_ns if about.st_ctime_ns != about.st_mtime_ns else 0
            above = self._find_rename(folder.parent) if folder != self._root and folder.parent != folder else 0
            self._folders[folder] = max(renamed, above)
        return self._folders[folder]
