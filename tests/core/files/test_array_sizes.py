"""Arrays of others: what they would take is known before any of it is read."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.files import array_sizes
from unmask.core.files.array_sizes import check_array_sizes


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_passes(tmp_path: Path, save):
    save(tmp_path / "a.npz", a=np.arange(6).reshape(2, 3), b=np.array("text"), c=np.zeros((0, 4), "<f2"), d=np.bool_(1))
    check_array_sizes(tmp_path / "a.npz")


def test_a_bomb_is_found_by_the_size_of_what_is_in_it(tmp_path: Path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(100_000))
    assert (tmp_path / "a.npz").stat().st_size < 2000
    monkeypatch.setattr(array_sizes, "LARGEST", 500_000)
    with pytest.raises(ValueError, match=r"1 arrays of 800\d+ bytes"):
        check_array_sizes(tmp_path / "a.npz")


@given(data=st.data())
def test_a_damaged_archive_is_refused_or_whole(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject):
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    np.savez(path, a=np.arange(3), b=np.zeros((2, 2), "<f4"))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    try:
        check_array_sizes(path)
    except ValueError:
        return
    with zipfile.ZipFile(path) as archive:
        assert sum(member.file_size for member in archive.infolist()) < 10_000
