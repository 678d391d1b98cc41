"""Random tokens to time the store with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unmask.cache.spec import TOKEN_WIDTH, EncoderSpec
from unmask.cache.store.token_store import TokenStore, create_store, write_tokens

SPEC = EncoderSpec(name="bench", modality="image", weights="none", weights_hash="", native_dim=TOKEN_WIDTH)


def make_store(folder: Path, lengths: NDArray[np.int64], per_shard: int) -> TokenStore:
    """Make a store of clips with these `lengths`, `per_shard` clips per shard."""
    create_store(folder, SPEC, "media")
    random = np.random.default_rng(2)
    for shard, start in enumerate(range(0, len(lengths), per_shard)):
        mine = lengths[start : start + per_shard]
        tokens = random.standard_normal((mine.sum(), TOKEN_WIDTH), np.float32).astype(np.float16)
        _write(folder / f"shard-{shard:04}.zarr", start, mine.tolist(), tokens)
    return TokenStore(folder)


def _write(path: Path, start: int, lengths: Sequence[int], tokens: NDArray[np.float16]) -> None:
    keys = [(f"{start + clip:032x}", 0) for clip in range(len(lengths))]
    write_tokens(path, SPEC.fingerprint("media"), keys, tokens, np.zeros(len(tokens), np.float32), lengths)
