"""The token store: what is written is plain Zarr, and nothing damaged, foreign or stale is opened."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zarr
from made_tokens import NATIVE, SHARD, SPEC, fill, flip, truncate

from unmask.cache.store.in_memory import InMemory
from unmask.cache.store.token_store import Finished, TokenStore, create_store, find_damaged_shards, write_tokens
from unmask.core.checksums import write_checksums
from unmask.core.errors import DamagedInput, MissingInput
from unmask.core.files import sealed_files

KEY = SPEC.fingerprint("media")
TOKENS, TIMES, OFFSETS = "tokens/c/0/0", "times/c/0", "offsets/c/0"


def test_a_store_shows_what_it_holds(tmp_path: Path):
    fill(tmp_path / "store-ab12", [2, 0, 3])
    store = TokenStore(tmp_path / "store-ab12")
    assert repr(store) == f"TokenStore({SPEC.name}, 3 clips, 5 tokens x {SPEC.width}, store-ab12)"
    held = InMemory.of(store, torch.device("cpu"))
    assert repr(held) == f"InMemory({SPEC.name}, 3 clips, 5 tokens x {SPEC.width}, cpu)"


def test_any_zarr_reader_opens_it(tmp_path: Path):
    tokens, times = fill(tmp_path, [2, 0, 3])
    group = zarr.open_group(str(tmp_path / SHARD), mode="r")
    np.testing.assert_array_equal(group["tokens"][:], tokens)
    np.testing.assert_array_equal(group["times"][:], times)
    assert group["offsets"][:].tolist() == [0, 2, 2, 5]


def test_tokens_that_are_all_zero_are_stored_too(tmp_path: Path):
    fill(tmp_path, [2, 1], value=0.0)
    assert (tmp_path / SHARD / TOKENS).stat().st_size == 3 * 512 * 2
    assert not TokenStore(tmp_path).gather(np.array([0, 1]))[0].any()


def test_the_same_tokens_are_the_same_bytes(tmp_path: Path):
    for name in ("one", "two"):
        fill(tmp_path / name, [2, 0, 3])
    one, two = (
        {p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()}
        for name in ("one", "two")
    )
    assert one == two


@pytest.mark.parametrize("shape", [(4, 512), (5, 511), (5, 12)])
def test_arrays_that_do_not_fit_together_are_refused(tmp_path: Path, shape: tuple[int, int]):
    create_store(tmp_path, SPEC, "media")
    tokens, times = np.zeros(shape, np.float16), np.zeros(5, np.float32)
    with pytest.raises(ValueError, match="for 2 clips of 5 tokens of 512"):
        write_tokens(tmp_path / SHARD, KEY, [("a", 0), ("b", 0)], tokens, times, [2, 3])


def test_tokens_of_another_encoder_are_refused(tmp_path: Path):
    create_store(tmp_path, NATIVE, "media")
    with pytest.raises(ValueError, match="in a store of"):
        write_tokens(tmp_path / SHARD, KEY, [], np.zeros((0, 512), np.float16), np.zeros(0, np.float32), [])


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path):
    create_store(tmp_path, SPEC, "media")
    tokens = np.full((1, 512), np.inf, np.float16)
    with pytest.raises(ValueError, match="not finite"):
        write_tokens(tmp_path / SHARD, KEY, [("a", 0)], tokens, np.zeros(1, np.float32), [1])
    assert not (tmp_path / SHARD).exists()


@pytest.mark.parametrize("harm", [flip, truncate, Path.unlink])
@pytest.mark.parametrize("file", [TOKENS, TIMES, OFFSETS, "zarr.json", "tokens/zarr.json"])
def test_every_damage_is_found_by_verify(tmp_path: Path, file: str, harm: Callable[[Path], None]):
    fill(tmp_path, [2, 0, 3])
    fill(tmp_path, [1], name="shard-b.zarr", prefix="other")
    store = TokenStore(tmp_path)
    assert store.verify() == {}
    harm(tmp_path / SHARD / file)
    assert store.verify() == {SHARD: [file]}


@pytest.mark.parametrize("harm", [truncate, Path.unlink])
@pytest.mark.parametrize("file", [TOKENS, TIMES, OFFSETS, "zarr.json"])
def test_cut_off_files_are_refused_when_opened(tmp_path: Path, file: str, harm: Callable[[Path], None]):
    fill(tmp_path, [2, 0, 3])
    harm(tmp_path / SHARD / file)
    with pytest.raises(MissingInput, match="shard-a"):
        TokenStore(tmp_path)


def test_offsets_that_run_backwards_are_refused(tmp_path: Path):
    fill(tmp_path, [2, 0, 3])
    np.array([0, 4, 2, 5], "<i8").tofile(tmp_path / SHARD / OFFSETS)
    with pytest.raises(MissingInput, match=r"shard-a.*damaged offsets"):
        TokenStore(tmp_path)


def test_a_missing_shard_is_named(tmp_path: Path):
    fill(tmp_path, [1])
    with pytest.raises(MissingInput, match=r"shard-b\.zarr: no token shard"):
        TokenStore(tmp_path, [SHARD, "shard-b.zarr"])
    assert list(find_damaged_shards(tmp_path, [SHARD, "shard-b.zarr"])) == ["shard-b.zarr"]


def test_swapped_shards_are_refused_and_found(tmp_path: Path):
    fill(tmp_path, [2], name="shard-a.zarr", prefix="a")
    fill(tmp_path, [2], name="shard-b.zarr", prefix="b")
    (tmp_path / "shard-a.zarr").rename(tmp_path / "x")
    (tmp_path / "shard-b.zarr").rename(tmp_path / "shard-a.zarr")
    (tmp_path / "x").rename(tmp_path / "shard-b.zarr")
    with pytest.raises(MissingInput, match="shard-a"):
        TokenStore(tmp_path)
    assert list(find_damaged_shards(tmp_path, ["shard-a.zarr", "shard-b.zarr"])) == ["shard-a.zarr", "shard-b.zarr"]


def test_a_shard_of_another_encoder_is_refused(tmp_path: Path):
    fill(tmp_path / "mine", [1])
    other = replace(SPEC, layer=3)
    create_store(tmp_path / "other", other, "media")
    (tmp_path / "mine" / SHARD).rename(tmp_path / "other" / SHARD)
    with pytest.raises(MissingInput, match="no token shard of this encoder"):
        TokenStore(tmp_path / "other")
    assert Finished.read(tmp_path / "other" / SHARD, other.fingerprint("media")) is None


def test_a_shard_of_another_version_is_refused(tmp_path: Path):
    fill(tmp_path, [1])
    path = tmp_path / SHARD / "zarr.json"
    path.write_text(path.read_text().replace('"version": 2', '"version": 1'))
    assert Finished.read(tmp_path / SHARD, KEY) is None
    with pytest.raises(DamagedInput, match="shard-a"):
        TokenStore(tmp_path)
    write_checksums(tmp_path / SHARD)
    with pytest.raises(MissingInput, match=r"shard-a.*version") as caught:
        TokenStore(tmp_path)
    assert not isinstance(caught.value, DamagedInput)


EDITS: list[Callable[[dict[str, Any]], Any]] = [
    lambda about: about["spec"].update(layer=3),
    lambda about: about["spec"].update(unknown=1),
    lambda about: about["spec"].pop("name"),
    lambda about: about.update(media="other"),
    lambda about: about.pop("fingerprint"),
]


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_spec_is_refused(tmp_path: Path, edit: Callable[[dict[str, Any]], Any]):
    fill(tmp_path, [1])
    about = sealed_files.read_json(tmp_path / "spec.json")
    edit(about)
    (tmp_path / "spec.json").write_text(json.dumps(about))
    with pytest.raises(MissingInput, match=r"spec\.json was edited|no token store of this version"):
        TokenStore(tmp_path)
