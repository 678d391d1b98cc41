"""Loading a whole store into one array, relative to numpy's file and zarr; and opening a thousand shards."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from benchmarks.figures import Figures
from benchmarks.timing import in_turn, table
from benchmarks.tokens import make_store
from unmask.cache.store.token_store import TokenStore

CLIPS, PER_SHARD, TOKENS = 8_000, 256, 48
SHARDS, CLIPS_PER_SHARD = 1_000, 128
ZARRS = {"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}


def main() -> str:
    with tempfile.TemporaryDirectory() as name:
        seconds, size = _time_loading(Path(name))
        return f"{table(seconds, size // 1_000_000, 'MB')}\n{_time_opening(Path(name))}"


def measure() -> Figures:
    """Rate of loading a whole store relative to numpy's."""
    with tempfile.TemporaryDirectory() as name:
        seconds, _ = _time_loading(Path(name))
    return {"np_load": seconds["np.load, warm"] / seconds["TokenStore.load"]}


def _time_loading(folder: Path) -> tuple[dict[str, float], int]:
    """Seconds of each way, and the bytes of the tokens."""
    store = make_store(folder / "tokens", np.full(CLIPS, TOKENS), PER_SHARD)
    tokens = store.load()[0]
    np.save(folder / "all.npy", tokens)
    ways: dict[str, Callable[[], object]] = {
        "np.load, warm": lambda: np.load(folder / "all.npy"),
        "TokenStore.load": store.load,
        "zarr": _load_with_zarr(store, tokens.shape),
    }
    seconds = in_turn(ways)
    with zarr.config.set(ZARRS):
        seconds |= in_turn({"zarr with zarrs": _load_with_zarr(store, tokens.shape)})
    return seconds, tokens.nbytes


def _load_with_zarr(store: TokenStore, shape: tuple[int, ...]) -> Callable[[], NDArray[np.float16]]:
    arrays = [zarr.open_array(str(store.folder / name / "tokens"), mode="r") for name in store.shards]

    def load() -> NDArray[np.float16]:
        out, start = np.empty(shape, np.float16), 0
        for array in arrays:
            out[start : start + array.shape[0]] = array[:]
            start += array.shape[0]
        return out

    return load


def _time_opening(folder: Path) -> str:
    lengths = np.ones(SHARDS * CLIPS_PER_SHARD, np.int64)
    store = make_store(folder / "many", lengths, CLIPS_PER_SHARD)
    seconds = in_turn({f"opening {SHARDS} shards": lambda: TokenStore(store.folder)})
    return "\n".join(f"{name:32} {taken:12.3f} s for {len(lengths):,} clips" for name, taken in seconds.items())
