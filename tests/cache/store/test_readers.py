"""What every reader of tokens keeps, Zarr and HDF5 alike: what was written comes back, in any order, to any process."""

from __future__ import annotations

import gc
import multiprocessing
import pickle
import resource
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_tokens import NATIVE, SHARD, SPEC, fill, opened, truncate

from unmask.cache.spec import EncoderSpec
from unmask.cache.store.in_memory import InMemory
from unmask.cache.store.ragged import Piece, Ragged, concatenate_ranges
from unmask.cache.store.token_store import TokenStore
from unmask.core.errors import MissingInput

CPU = torch.device("cpu")
SHARDS = [[2, 0, 3], [1], [4, 4]]
Open = Callable[..., tuple[Ragged, Any]]


@pytest.fixture(params=["zarr", "hdf5"])
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """reader(shards, spec=SPEC) -> a reader, and each clip's plain tokens and times."""

    def make(shards: list[list[int]] = SHARDS, spec: EncoderSpec = SPEC) -> tuple[Ragged, Any]:
        return opened(request.param, tmp_path, shards, spec)

    return make


def check(gathered: Any, expected: Any, clips: Any) -> None:
    tokens, times, offsets = gathered
    assert (tokens.dtype, times.dtype, offsets.dtype) == (np.float16, np.float32, np.int64)
    assert (len(tokens), len(times), len(offsets)) == (offsets[-1], offsets[-1], len(clips) + 1)
    for clip, start, stop in zip(clips, offsets[:-1], offsets[1:], strict=True):
        np.testing.assert_array_equal(tokens[start:stop], expected[clip][0])
        np.testing.assert_array_equal(times[start:stop], expected[clip][1])


@pytest.mark.parametrize("kind", ["zarr", "hdf5", "memory"])
@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), min_size=1, max_size=4), st.data())
@settings(max_examples=15, deadline=None)
def test_any_list_of_clips_equals_plain_slicing(kind, tmp_path_factory, shards, data):
    store, expected = opened("zarr" if kind == "memory" else kind, tmp_path_factory.mktemp("store"), shards)
    lists = st.lists(st.integers(0, len(store) - 1), max_size=12)
    held = InMemory.of(store, CPU)
    for _ in range(4):
        clips = np.array(data.draw(lists), np.int64)
        if kind == "memory":
            tokens, times, offsets = held.gather(clips)
            check((tokens.numpy(), times, offsets), expected, clips)
        else:
            check(store.gather(clips), expected, clips)


def test_the_whole_is_all_clips_in_order(reader: Open):
    store, expected = reader()
    check(store.load(), expected, range(len(store)))
    tokens, times, _ = store.load()
    tokens[:], times[:] = 0, 0  # the caller's own: the store is as it was
    check(store.load(), expected, range(len(store)))


def test_a_load_in_many_blocks_is_the_same(reader: Open, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("unmask.cache.store.ragged.BLOCK_BYTES", 2 * SPEC.width * 2)
    store, expected = reader()
    check(store.load(), expected, range(len(store)))


def test_clips_are_found_by_item_and_number(reader: Open):
    store, _ = reader()
    assert (len(store), store.tokens, store.spec) == (6, 14, SPEC)
    assert store.keys == [("s0-0", 0), ("s0-0", 1), ("s0-1", 0), ("s1-0", 0), ("s2-0", 0), ("s2-0", 1)]
    assert store.lengths.tolist() == [2, 0, 3, 1, 4, 4]
    assert [store.index[key] for key in store.keys] == list(range(6))


def test_native_tokens_keep_their_width(reader: Open):
    store, expected = reader(SHARDS, NATIVE)
    assert store.gather(np.array([2]))[0].shape == (3, 12)
    check(store.gather(np.array([5, 0])), expected, [5, 0])
    assert InMemory.of(store, CPU).tokens.shape == (14, 12)


@pytest.mark.parametrize("shards", [[[0, 0]], [[0], [2], [0]]])
def test_clips_without_tokens_are_empty(reader: Open, shards: list[list[int]]):
    store, expected = reader(shards)
    check(store.gather(np.array([0])), expected, [0])
    check(store.load(), expected, range(len(store)))
    assert store.gather(np.zeros(0, np.int64))[0].shape == (0, 512)


def test_stored_tokens_cannot_be_written_to(reader: Open):
    store, _ = reader()
    with pytest.raises(ValueError, match="read-only"):
        store.parts[0][0] = 0


def test_a_position_that_is_not_there_is_an_error(reader: Open):
    store, _ = reader()
    with pytest.raises(IndexError):
        store.gather(np.array([6]))


def _total(store: Ragged, seed: int) -> float:
    clips = np.random.default_rng(seed).integers(0, len(store), 200)
    return float(store.gather(clips)[0].astype(np.float64).sum())


def test_two_other_processes_read_at_once(reader: Open):
    store, _ = reader()
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        found = list(pool.map(_total, [store] * 4, range(4)))
    assert found == [_total(store, seed) for seed in range(4)]


def test_another_process_is_sent_names_and_no_tokens(reader: Open):
    store, expected = reader([[300]])
    sent = pickle.dumps(store)
    assert len(sent) < 1000
    check(pickle.loads(sent).gather(np.array([0])), expected, [0])


def test_whole_tokens_are_verified(reader: Open):
    assert reader()[0].verify() == {}


def test_memory_holds_chosen_clips_in_their_order(reader: Open):
    store, expected = reader()
    chosen = np.array([4, -1, 2, 0])
    held = InMemory.of(store, CPU, chosen)
    assert held.lengths.tolist() == [4, 0, 3, 2]
    tokens, times, offsets = held.gather(np.array([3, 1, 0]))
    assert offsets.tolist() == [0, 2, 2, 6]
    np.testing.assert_array_equal(tokens.numpy(), np.concatenate([expected[0][0], expected[4][0]]))
    np.testing.assert_array_equal(times, np.concatenate([expected[0][1], expected[4][1]]))


def test_memory_filled_in_blocks_is_the_same(reader: Open, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("unmask.cache.store.in_memory.BLOCK", 2)
    store, expected = reader()
    tokens, times, offsets = InMemory.of(store, CPU, np.arange(6)).gather(np.arange(6))
    check((tokens.numpy(), times, offsets), expected, range(6))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_tokens_on_a_gpu_are_gathered_there(reader: Open):
    store, expected = reader()
    tokens, times, offsets = InMemory.of(store, torch.device("cuda")).gather(np.array([5, 1, 0, 5]))
    assert tokens.device.type == "cuda"
    check((tokens.cpu().numpy(), times, offsets), expected, [5, 1, 0, 5])


def test_more_shards_than_files_may_be_open(tmp_path: Path):
    for number in range(80):
        fill(tmp_path, [1], name=f"shard-{number:02}.zarr", prefix=f"s{number}-")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
    try:
        assert TokenStore(tmp_path).gather(np.arange(80))[0].shape == (80, 512)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_map_outlives_its_reader_and_its_file(tmp_path: Path):
    tokens, _ = fill(tmp_path, [3])
    part = TokenStore(tmp_path).parts[0]
    shutil.rmtree(tmp_path / SHARD)
    np.testing.assert_array_equal(part, tokens)


def test_maps_are_given_back(tmp_path: Path):
    fill(tmp_path, [3])
    store = TokenStore(tmp_path)
    assert SHARD in Path("/proc/self/maps").read_text()
    del store
    gc.collect()
    assert SHARD not in Path("/proc/self/maps").read_text()


def test_a_shard_that_is_cut_off_after_opening_is_named(tmp_path: Path):
    fill(tmp_path, [3])
    store = TokenStore(tmp_path)
    truncate(tmp_path / SHARD / "tokens/c/0/0")
    with pytest.raises(MissingInput, match=SHARD):
        store.load()
    with pytest.raises(MissingInput, match=SHARD):
        Piece(tmp_path / SHARD / "tokens/c/0/0", 0, 3, 512).map()


def test_ranges_by_hand():
    assert concatenate_ranges(np.array([5, 0, 9]), np.array([2, 0, 3])).tolist() == [5, 6, 9, 10, 11]
