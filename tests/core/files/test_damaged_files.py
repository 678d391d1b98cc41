"""Every kind of sealed file is read to its end; files of other kinds and an empty list are no damage."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from read_faults import fail_reads
from safetensors.numpy import save

from unmask.core.files import sealed_arrays, sealed_files, sealed_tables, sealed_tensors
from unmask.core.files.damaged_files import READERS, find_damaged_files


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    sealed_files.write_json(tmp_path / "a.json", {"value": 1})
    sealed_files.write_lines(tmp_path / "a.jsonl", [{"value": 1}, {"value": 2}])
    sealed_arrays.write_arrays(tmp_path / "a.npz", {"value": np.arange(9.0)})
    sealed_arrays.write_arrays(tmp_path / "a.pth", {"value": np.arange(9.0)})
    sealed_tables.write_table(tmp_path / "a.parquet", pa.table({"value": [1.0, 2.0]}))
    sealed_tensors.write_tensors(tmp_path / "a.safetensors", save({"a": np.arange(9.0)}, metadata={"format": "pt"}))
    (tmp_path / "lock").touch()
    return sorted(tmp_path.iterdir())


def test_whole_files_and_other_kinds_are_no_damage(paths: list[Path]):
    assert {path.suffix for path in paths} == {*READERS, ""}
    assert find_damaged_files([*paths, paths[0].parent / "gone.json"]) == []


def test_each_damaged_file_is_named(paths: list[Path]):
    for path in paths[:-1]:
        content = bytearray(path.read_bytes())
        content[len(content) // 3] ^= 4
        path.write_bytes(content)
    assert find_damaged_files(paths) == paths[:-1]


def test_a_disk_that_fails_is_no_damage(paths: list[Path]):
    with pytest.MonkeyPatch.context() as patch:
        fail_reads(patch, "a.json", errno.EIO)
        with pytest.raises(OSError, match=r"a\.json"):
            find_damaged_files(paths)
