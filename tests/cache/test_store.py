"""The token store: what is written comes back, and nothing damaged, foreign or stale is opened."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.spec import EncoderSpec
from cache.store import Finished, TokenStore, create_store, tokens_are_whole, write_tokens
from core.checksums import damage
from core.errors import MissingInput

SPEC = EncoderSpec(name="lfcc", modality="audio", weights="none", weights_hash="0", native_dim=120)
SHARD = "shard-a.zarr"


def fill(folder: Path, lengths: list[int], *, name: str = SHARD, prefix: str = "item", value: float = 1.0) -> None:
    create_store(folder, SPEC, "media")
    total = sum(lengths)
    tokens = (np.arange(total * 512).reshape(total, 512) % 7 * value).astype(np.float16)
    keys = [(f"{prefix}{number}", number % 2) for number in range(len(lengths))]
    times = np.arange(total, dtype=np.float32) / 5
    write_tokens(folder / name, SPEC.fingerprint("media"), keys, tokens, times, lengths, source="m1")


@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), min_size=1, max_size=3), st.randoms())
@settings(max_examples=15, deadline=None)
def test_any_clips_in_any_order_come_back(tmp_path_factory, shards, random):
    folder = tmp_path_factory.mktemp("store")
    for number, lengths in enumerate(shards):
        fill(folder, lengths, name=f"shard-{number}.zarr", prefix=f"s{number}-", value=number + 1.0)
    store = TokenStore(folder)
    clips = np.array([random.randrange(len(store)) for _ in range(8)])
    tokens, times, offsets = store.gather(clips)
    assert store.lengths[clips].tolist() == np.diff(offsets).tolist()
    for clip, start, end in zip(clips, offsets[:-1], offsets[1:], strict=True):
        group = zarr.open_group(str(folder / f"shard-{store.keys[clip][0][1]}.zarr"), mode="r")
        number = int(store.keys[clip][0].split("-")[1])
        inside = slice(*group["offsets"][number : number + 2].tolist())
        np.testing.assert_array_equal(tokens[start:end], group["tokens"][inside])
        np.testing.assert_array_equal(times[start:end], group["times"][inside])


def test_a_clip_is_found_by_item_and_number(tmp_path: Path):
    fill(tmp_path, [2, 0, 3])
    store = TokenStore(tmp_path)
    assert store.index[("item2", 0)] == 2
    assert len(store) == 3


def test_tokens_that_are_all_zero_are_stored_too(tmp_path: Path):
    fill(tmp_path, [2, 1], value=0.0)
    assert (tmp_path / SHARD / "tokens" / "c" / "0" / "0").stat().st_size == 3 * 512 * 2
    assert not TokenStore(tmp_path).gather(np.array([0, 1]))[0].any()


def test_the_same_tokens_are_the_same_bytes(tmp_path: Path):
    for name in ("one", "two"):
        fill(tmp_path / name, [2, 0, 3])
    one, two = (
        {p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()}
        for name in ("one", "two")
    )
    assert one == two


@pytest.mark.parametrize("shape", [(4, 512), (5, 511)])
def test_arrays_that_do_not_fit_together_are_refused(tmp_path: Path, shape: tuple[int, int]):
    with pytest.raises(ValueError, match="for 2 clips of 5 tokens"):
        write_tokens(
            tmp_path / SHARD, "f", [("a", 0), ("b", 0)], np.zeros(shape, np.float16), np.zeros(5, np.float32), [2, 3]
        )


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path):
    tokens = np.full((1, 512), np.inf, np.float16)
    with pytest.raises(ValueError, match="not finite"):
        write_tokens(tmp_path / SHARD, "f", [("a", 0)], tokens, np.zeros(1, np.float32), [1])
    assert not (tmp_path / SHARD).exists()


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0x10
    path.write_bytes(raw)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


TOKENS, TIMES, OFFSETS = "tokens/c/0/0", "times/c/0", "offsets/c/0"


@pytest.mark.parametrize("harm", [flip, truncate, Path.unlink])
@pytest.mark.parametrize("file", [TOKENS, TIMES, OFFSETS, "zarr.json", "tokens/zarr.json"])
def test_every_damage_is_found_by_checksums(tmp_path: Path, file: str, harm: Callable[[Path], None]):
    fill(tmp_path, [2, 0, 3])
    assert tokens_are_whole(tmp_path / SHARD)
    harm(tmp_path / SHARD / file)
    assert damage(tmp_path / SHARD) == [file]


@pytest.mark.parametrize("harm", [truncate, Path.unlink])
@pytest.mark.parametrize("file", [TOKENS, TIMES, OFFSETS, "zarr.json"])
def test_cut_off_files_are_refused_when_opened(tmp_path: Path, file: str, harm: Callable[[Path], None]):
    fill(tmp_path, [2, 0, 3])
    harm(tmp_path / SHARD / file)
    with pytest.raises(MissingInput, match="shard-a"):
        TokenStore(tmp_path)


def test_a_missing_shard_is_named(tmp_path: Path):
    fill(tmp_path, [1])
    with pytest.raises(MissingInput, match=r"shard-b\.zarr: no token shard"):
        TokenStore(tmp_path, [SHARD, "shard-b.zarr"])


def test_a_shard_of_another_encoder_is_refused(tmp_path: Path):
    fill(tmp_path / "mine", [1])
    other = replace(SPEC, layer=3)
    create_store(tmp_path / "other", other, "media")
    (tmp_path / "mine" / SHARD).rename(tmp_path / "other" / SHARD)
    with pytest.raises(MissingInput, match="no token shard of this encoder"):
        TokenStore(tmp_path / "other")
    assert Finished.read(tmp_path / "other" / SHARD, other.fingerprint("media")) is None


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
    about = json.loads((tmp_path / "spec.json").read_text())
    edit(about)
    (tmp_path / "spec.json").write_text(json.dumps(about))
    with pytest.raises(MissingInput, match=r"spec\.json was edited|no token store of this version"):
        TokenStore(tmp_path)
