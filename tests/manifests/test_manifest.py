"""The manifest shows itself in one line, and that of an earlier version is read."""

from __future__ import annotations

import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from casts import row

from unmask.core.errors import MissingInput
from unmask.manifests.manifest import ADDED, EARLIER, FORMAT, VERSION, from_rows, read_manifest, write_manifest
from unmask.manifests.splits.schemes import assign


def test_a_manifest_shows_its_files_datasets_and_splits():
    rows = [row(f"{label}-{n}", label) for n in range(20) for label in (0, 1)]
    assert repr(from_rows(rows, {"mine": "/x"})) == "Manifest(40 files, 1 datasets, no split)"
    shown = repr(from_rows(assign(rows, "grouped", 3), {"mine": "/x"}))
    assert shown == "Manifest(40 files, 1 datasets, train 28 + val 6 + test 6, grouped-v2-seed3)"


def test_a_manifest_of_the_version_without_masks_is_read(tmp_path):
    manifest = from_rows([row("a", 0), replace(row("b", 1), mask="masks/b.mp4", mask_content="f0")], {"mine": "/x"})
    write_manifest(tmp_path / "new.parquet", manifest)
    assert read_manifest(tmp_path / "new.parquet").table.equals(manifest.table)

    def write(version: int) -> None:
        about = json.dumps({"format": FORMAT, "version": version, "roots": manifest.roots})
        pq.write_table(manifest.table.drop_columns(list(ADDED)).replace_schema_metadata({FORMAT: about}), path)

    path = tmp_path / "old.parquet"
    write(EARLIER)
    assert [(one.media_id, one.mask, one.mask_content) for one in read_manifest(path).rows()] == [
        (one.media_id, None, None) for one in manifest.rows()
    ]
    write(VERSION)
    with pytest.raises(MissingInput, match="manifest format"):
        read_manifest(path)


def test_a_mask_outside_the_dataset_is_refused():
    with pytest.raises(ValueError, match="leaves the dataset's folder"):
        replace(row("b", 1), mask="../masks/b.mp4")
