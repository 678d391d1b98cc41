"""One file for others: plain HDF5, and nothing foreign, damaged or edited is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from made_tokens import fill, truncate

from unmask.cache.export.hdf5_file import Hdf5Tokens, read_about, write_hdf5
from unmask.cache.store.token_store import TokenStore
from unmask.core.errors import MissingInput


@pytest.fixture
def file(tmp_path: Path) -> Path:
    fill(tmp_path / "store", [2, 0, 3], failed={"item0/1": "refused: beyond float16"})
    fill(tmp_path / "store", [1], name="shard-b.zarr", prefix="b")
    write_hdf5(tmp_path / "all.h5", {"lfcc": TokenStore(tmp_path / "store")}, {"note": "made"})
    return tmp_path / "all.h5"


def test_plain_h5py_reads_it(file: Path):
    with h5py.File(file) as opened:
        group = opened["lfcc"]
        assert json.loads(group.attrs["spec"])["name"] == "lfcc"
        assert group["offsets"][:].tolist() == [0, 2, 2, 5, 6]
        assert group["media_id"][:].tolist() == [b"item0", b"item0", b"item1", b"b0"]
        assert group["clip"][:].tolist() == [0, 1, 0, 0]
        assert (group["tokens"].shape, group["tokens"].dtype) == ((6, 512), np.float16)
        assert (group["tokens"].chunks, group["tokens"].compression) == (None, None)


def test_everything_a_shard_says_of_itself_is_in_it(file: Path):
    store, exported = TokenStore(file.parent / "store"), Hdf5Tokens(file, "lfcc")
    assert (exported.about, exported.shards, exported.sources) == (store.about, store.shards, store.sources)
    assert (exported.media, exported.fingerprint) == (store.media, store.fingerprint)
    assert read_about(file) == ({"note": "made"}, ["lfcc"])


def test_the_same_tokens_are_the_same_file(file: Path):
    write_hdf5(file.parent / "again.h5", {"lfcc": TokenStore(file.parent / "store")}, {"note": "made"})
    assert (file.parent / "again.h5").read_bytes() == file.read_bytes()


def edited(file: Path, edit: Callable[[Any], Any]) -> Path:
    with h5py.File(file, "r+") as opened:
        edit(opened)
    return file


def set_spec(opened: Any) -> None:
    spec = json.loads(opened["lfcc"].attrs["spec"]) | {"layer": 3}
    opened["lfcc"].attrs["spec"] = json.dumps(spec, sort_keys=True)


def compress(opened: Any) -> None:
    tokens = opened["lfcc/tokens"][:]
    del opened["lfcc/tokens"]
    opened["lfcc"].create_dataset("tokens", data=tokens, compression="gzip")


def link_elsewhere(opened: Any) -> None:
    del opened["lfcc/tokens"]
    opened["lfcc/tokens"] = h5py.ExternalLink("other.h5", "/lfcc/tokens")


REFUSED: list[Callable[[Any], Any]] = [
    set_spec,
    compress,
    link_elsewhere,
    lambda opened: opened.attrs.update(version=2),
    lambda opened: opened.attrs.update(about="{}"),
    lambda opened: opened.attrs.pop("format"),
    lambda opened: opened["lfcc"].attrs.update(media="other"),
    lambda opened: opened["lfcc"].attrs.pop("checksum"),
    lambda opened: opened["lfcc/offsets"].write_direct(np.array([0, 4, 2, 5, 6])),
    lambda opened: opened.pop("lfcc/times"),
    lambda opened: opened.pop("lfcc"),
]


@pytest.mark.parametrize("edit", REFUSED)
def test_an_edited_file_is_refused(file: Path, edit: Callable[[Any], Any]):
    with pytest.raises(MissingInput, match=r"all\.h5") as refused:
        Hdf5Tokens(edited(file, edit), "lfcc")
    assert "unmask cache export" in refused.value.hint


CHANGES: dict[str, Callable[[Any], Any]] = {
    "tokens": lambda dataset: dataset.write_direct(np.full((6, 512), 2, np.float16)),
    "times": lambda dataset: dataset.write_direct(np.ones(6, np.float32)),
    "clip": lambda dataset: dataset.write_direct(np.arange(4, dtype=np.int32)),
    "source": lambda dataset: dataset.write_direct(np.array([b"x", b"y"], dataset.dtype)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_numbers_are_found_by_verify(file: Path, name: str):
    edited(file, lambda opened: CHANGES[name](opened[f"lfcc/{name}"]))
    assert Hdf5Tokens(file, "lfcc").verify() == {"lfcc": [name]}


@pytest.mark.parametrize("harm", [truncate, lambda path: path.write_bytes(b"no HDF5"), Path.unlink])
def test_what_is_no_whole_file_is_refused(file: Path, harm: Callable[[Path], Any]):
    harm(file)
    with pytest.raises(MissingInput, match=r"all\.h5"):
        Hdf5Tokens(file, "lfcc")


def test_an_encoder_that_is_not_in_it_is_named(file: Path):
    with pytest.raises(MissingInput, match="sbert"):
        Hdf5Tokens(file, "sbert")


def test_no_name_of_it_becomes_a_path_elsewhere(tmp_path: Path):
    fill(tmp_path / "store", [1])
    write_hdf5(tmp_path / "all.h5", {"../x": TokenStore(tmp_path / "store")}, {})
    with pytest.raises(MissingInput, match="invalid encoder names"):
        read_about(tmp_path / "all.h5")
