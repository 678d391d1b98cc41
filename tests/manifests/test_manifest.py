"""The manifest shows itself in one line."""

from __future__ import annotations

from casts import row

from unmask.manifests.manifest import from_rows
from unmask.manifests.splits.schemes import assign


def test_a_manifest_shows_its_files_datasets_and_splits():
    rows = [row(f"{label}-{n}", label) for n in range(20) for label in (0, 1)]
    assert repr(from_rows(rows, {"mine": "/x"})) == "Manifest(40 files, 1 datasets, no split)"
    shown = repr(from_rows(assign(rows, "grouped", 3), {"mine": "/x"}))
    assert shown == "Manifest(40 files, 1 datasets, train 28 + val 6 + test 6, grouped-v2-seed3)"
