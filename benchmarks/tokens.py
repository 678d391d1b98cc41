"""Random tokens to time the store with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unmask.cache.spec import TOKEN_WIDTH, EncoderSpec
from unmask.cache.store.token_store import TokenStore, create_store, write_tokens


def make_store(folder: Path, lengths: NDArray[np.int64], per_shard: int, width: int = TOKEN_WIDTH) -> TokenStore:
    """Make a store of clips with these `lengths`, `per_shard` clips per shard, whose media_id is their number."""
    spec = EncoderSpec(
        name="bench",
        modality="image",
        weights="none",
        weights_hash="",
        native_dim=width,
        projection="orthogonal-seed0" if width == TOKEN_WIDTH else "native",
    )
    create_store(folder, spec, "media")
    random = np.random.default_rng(2)
    for shard, start in enumerate(range(0, len(lengths), per_shard)):
        mine = lengths[start : start + per_shard]
        tokens = random.standard_normal((mine.sum(), width), np.float32).astype(np.float16)
        _write(folder / f"shard-{shard:04}.zarr", spec, start, mine.tolist(), tokens)
    return TokenStore(folder)


def _write(path: Path, spec: EncoderSpec, start: int, lengths: Sequence[int], tokens: NDArray[np.float16]) -> None:
    keys = [(f"{start + clip:032x}", 0) for clip in range(len(lengths))]
    write_tokens(path, spec.fingerprint("media"), keys, tokens, np.zeros(len(tokens), np.float32), lengths)
