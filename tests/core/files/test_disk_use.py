"""Sizes of folders that another process is writing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from unmask.core.files.disk_use import measure_size


def test_files_of_a_folder_and_a_file_alone(tmp_path: Path):
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/three").write_bytes(b"abc")
    (tmp_path / "four").write_bytes(b"abcd")
    (tmp_path / "link").symlink_to(tmp_path / "deep")
    assert measure_size(tmp_path / "four") == 4
    assert measure_size(tmp_path / "deep") == measure_size(tmp_path / "link") == 3
    assert measure_size(tmp_path) == 7
    assert measure_size(tmp_path / "missing") == 0


def test_a_folder_that_is_renamed_meanwhile_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shard = tmp_path / ".tmp-shard"
    (shard / "times").mkdir(parents=True)
    (shard / "times/c").write_bytes(b"abc")
    (tmp_path / "spec.json").write_bytes(b"abcd")
    scan = os.scandir

    def finish_first(path: Any) -> Any:
        if Path(path) == shard / "times":
            shard.rename(tmp_path / "shard")
        return scan(path)

    monkeypatch.setattr(os, "scandir", finish_first)
    assert measure_size(tmp_path) == 4
    assert (tmp_path / "shard/times/c").is_file()
