"""Ragged batches in random order: the store and the tokens in memory, against a hand-written memory map and zarr."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import zarr
from numpy.typing import NDArray

from benchmarks.figures import Figures
from benchmarks.timing import in_turn, table
from benchmarks.tokens import make_store
from unmask.cache.export.hdf5_file import Hdf5Tokens, write_hdf5
from unmask.cache.spec import TOKEN_WIDTH
from unmask.cache.store.in_memory import InMemory
from unmask.cache.store.token_store import TokenStore

CLIPS, PER_SHARD, BATCH = 8_000, 256, 64
SHORTEST, LONGEST = 16, 80  # tokens a clip
# Of zarr-python's array: an inner chunk is about one clip, a shard file 16 MB.
ZARR_CHUNK, ZARR_SHARD = 64, 16_384
SLOW_BATCHES = 4

Gather = Callable[[NDArray[np.int64]], object]


def main() -> str:
    fast, slow, few = _measure_ways()
    return f"{table(fast, CLIPS, 'clips')}\n{table(slow, few, 'clips')}"


def measure() -> Figures:
    """Rates of the store relative to the map written by hand and to zarr-python."""
    fast, slow, _ = _measure_ways()
    return {
        "by_hand": fast["numpy memory map, by hand"] / fast["TokenStore"],
        "zarr": slow["zarr-python, sharded"] / slow["TokenStore (few)"],
    }


def _measure_ways() -> tuple[dict[str, float], dict[str, float], int]:
    """Seconds of all batches, seconds of a few of them, and the clips of these few."""
    with tempfile.TemporaryDirectory() as name:
        lengths = np.random.default_rng(0).integers(SHORTEST, LONGEST + 1, CLIPS)
        store = make_store(Path(name) / "tokens", lengths, PER_SHARD)
        write_hdf5(Path(name) / "all.h5", {"bench": store}, {})
        exchanged = Hdf5Tokens(Path(name) / "all.h5", "bench")
        order = np.random.default_rng(1).permutation(CLIPS)
        batches = [order[start : start + BATCH] for start in range(0, CLIPS, BATCH)]
        fast = {
            "numpy memory map, by hand": _by_hand(store, Path(name) / "all.f16"),
            "TokenStore": store.gather,
            "Hdf5Tokens": exchanged.gather,
            "InMemory, RAM": InMemory.of(store, torch.device("cpu")).gather,
        }
        if torch.cuda.is_available():
            fast["InMemory, GPU"] = _synchronised(InMemory.of(store, torch.device("cuda")))
        few = batches[:SLOW_BATCHES]
        slow = {"zarr-python, sharded": _by_zarr(store, Path(name) / "all.zarr"), "TokenStore (few)": store.gather}
        return _timed(fast, batches, 7), _timed(slow, few, 3), sum(map(len, few))


def _timed(ways: dict[str, Gather], batches: list[NDArray[np.int64]], rounds: int) -> dict[str, float]:
    def all_batches(gather: Gather) -> Callable[[], None]:
        def run() -> None:
            for batch in batches:
                gather(batch)

        return run

    return in_turn({name: all_batches(gather) for name, gather in ways.items()}, rounds)


def _by_hand(store: TokenStore, path: Path) -> Gather:
    """One big file, and for each clip a slice of its map."""
    tokens, _, offsets = store.load()
    tokens.tofile(path)
    plain = np.memmap(path, np.float16, "r", shape=tokens.shape)
    return lambda batch: np.concatenate([plain[offsets[clip] : offsets[clip + 1]] for clip in batch])


def _by_zarr(store: TokenStore, path: Path) -> Gather:
    tokens, _, offsets = store.load()
    chunks, shards = (ZARR_CHUNK, TOKEN_WIDTH), (ZARR_SHARD, TOKEN_WIDTH)
    array = zarr.create_array(str(path), data=tokens, chunks=chunks, shards=shards, compressors=None)
    return lambda batch: np.concatenate([np.asarray(array[offsets[clip] : offsets[clip + 1]]) for clip in batch])


def _synchronised(held: InMemory) -> Gather:
    def gather(batch: NDArray[np.int64]) -> None:
        held.gather(batch)
        torch.cuda.synchronize()

    return gather
