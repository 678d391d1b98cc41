"""Token stores of known numbers, and the two readers of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unmask.cache.export.hdf5_file import Hdf5Tokens, write_hdf5
from unmask.cache.spec import EncoderSpec
from unmask.cache.store.ragged import Ragged
from unmask.cache.store.token_store import TokenStore, create_store, write_tokens

SPEC = EncoderSpec(name="lfcc", modality="audio", weights="none", weights_hash="0", native_dim=120)
NATIVE = EncoderSpec(
    name="lfcc", modality="audio", weights="none", weights_hash="0", native_dim=12, projection="native"
)
SHARD = "shard-a.zarr"


def fill(
    folder: Path,
    lengths: Sequence[int],
    *,
    name: str = SHARD,
    prefix: str = "item",
    value: float = 1.0,
    spec: EncoderSpec = SPEC,
    failed: dict[str, str] | None = None,
) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """One shard of clips with these `lengths`; its tokens and times."""
    create_store(folder, spec, "media")
    total = sum(lengths)
    tokens = (np.arange(total * spec.width).reshape(total, spec.width) % 251 * value).astype(np.float16)
    times = np.arange(total, dtype=np.float32) / 5
    keys = [(f"{prefix}{number // 2}", number % 2) for number in range(len(lengths))]
    write_tokens(
        folder / name, spec.fingerprint("media"), keys, tokens, times, lengths, source=f"m-{name}", failed=failed
    )
    return tokens, times


def opened(kind: str, root: Path, shards: Sequence[Sequence[int]], spec: EncoderSpec = SPEC) -> tuple[Ragged, Any]:
    """A reader over these shards, and per clip the plain (tokens, times) it has to give."""
    expected = []
    for number, lengths in enumerate(shards):
        tokens, times = fill(
            root / "store", lengths, name=f"shard-{number}.zarr", prefix=f"s{number}-", value=number + 1.0, spec=spec
        )
        cuts = np.cumsum(lengths)[:-1]
        expected += list(zip(np.split(tokens, cuts), np.split(times, cuts), strict=True))
    store = TokenStore(root / "store")
    if kind == "zarr":
        return store, expected
    write_hdf5(root / "all.h5", {"lfcc": store}, {"note": "made"})
    return Hdf5Tokens(root / "all.h5", "lfcc"), expected


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0x10
    path.write_bytes(raw)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])
