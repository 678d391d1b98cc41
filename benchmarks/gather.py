"""Ragged batches in random order from the token store, against a hand-written memory map and zarr's own reads."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from benchmarks.timing import in_turn, table
from cache.spec import TOKEN_WIDTH, EncoderSpec
from cache.store import TokenStore, write_tokens
from core.atomic import write_json

CLIPS, PER_SHARD, BATCH = 8_000, 256, 64
SHORTEST, LONGEST = 16, 80  # tokens a clip


def main() -> str:
    with tempfile.TemporaryDirectory() as name:
        lengths = np.random.default_rng(0).integers(SHORTEST, LONGEST + 1, CLIPS)
        folder = _write(Path(name) / "tokens", lengths)
        store = TokenStore(folder)
        order = np.random.default_rng(1).permutation(CLIPS)
        batches = [order[start : start + BATCH] for start in range(0, CLIPS, BATCH)]
        few = batches[:2]
        plain, begins = _plain_file(folder, Path(name) / "all.f16", lengths)
        fast = in_turn(
            {
                "numpy memory map, by hand": lambda: [_by_hand(plain, begins, lengths, batch) for batch in batches],
                "TokenStore.gather": lambda: [store.gather(batch) for batch in batches],
            }
        )
        shards = [zarr.open_group(str(path), mode="r") for path in sorted(folder.glob("shard-*.zarr"))]
        slow = in_turn(
            {
                "TokenStore.gather (few)": lambda: [store.gather(batch) for batch in few],
                "zarr-python": lambda: [_by_zarr(shards, lengths, batch) for batch in few],
            },
            rounds=1,
        )
    return table(fast, CLIPS, "clips") + "\n" + table(slow, sum(map(len, few)), "clips")


def _write(folder: Path, lengths: NDArray[np.int64]) -> Path:
    spec = EncoderSpec(name="bench", modality="image", weights="none", weights_hash="", native_dim=TOKEN_WIDTH)
    write_json(folder / "spec.json", {"spec": spec.as_json(), "fingerprint": "bench"})
    random = np.random.default_rng(2)
    for shard, start in enumerate(range(0, CLIPS, PER_SHARD)):
        mine = lengths[start : start + PER_SHARD]
        tokens = random.standard_normal((mine.sum(), TOKEN_WIDTH), np.float32).astype(np.float16)
        keys = [(f"{start + clip:08}", 0) for clip in range(len(mine))]
        times = np.zeros(len(tokens), np.float32)
        write_tokens(folder / f"shard-{shard:04}.zarr", "bench", keys, tokens, times, mine.tolist())
    return folder


def _plain_file(folder: Path, path: Path, lengths: NDArray[np.int64]) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    store = TokenStore(folder)
    store.gather(np.arange(CLIPS))[0].tofile(path)
    begins = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return np.memmap(path, np.float16, "r", shape=(int(lengths.sum()), TOKEN_WIDTH)), begins


def _by_hand(
    plain: NDArray[np.float16], begins: NDArray[np.int64], lengths: NDArray[np.int64], batch: NDArray[np.int64]
) -> NDArray[np.float16]:
    return np.concatenate([plain[begins[clip] : begins[clip] + lengths[clip]] for clip in batch])


def _by_zarr(shards: list[zarr.Group], lengths: NDArray[np.int64], batch: NDArray[np.int64]) -> NDArray[np.float16]:
    parts = []
    for clip in batch.tolist():
        shard, inside = divmod(clip, PER_SHARD)
        begin = int(lengths[shard * PER_SHARD : shard * PER_SHARD + inside].sum())
        parts.append(np.asarray(shards[shard]["tokens"][begin : begin + int(lengths[clip])]))  # type: ignore[index]
    return np.concatenate(parts)
