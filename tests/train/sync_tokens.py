"""Tokens of a sync encoder for made-up clips, with a known lag in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unmask.cache.spec import EncoderSpec
from unmask.cache.store.token_store import TokenStore, create_store, write_tokens
from unmask.train.data.stream_tokens import StreamTokens
from unmask.train.data.sync_curves import SyncCurves
from unmask.train.data.token_data import TokenData

WIDTH = 8


def add_sync(data: TokenData, folder: Path, lags: Sequence[int], length: int = 60) -> TokenData:
    """`data` with a sync encoder: the audio of clip c comes `lags[c]` tokens late. Clips of one modality have none."""
    keys = list(data.clips.keys)
    both = (data.lengths(["eye"])[:, 0] > 0) & (data.lengths(["ear"])[:, 0] > 0)
    sides: list[list[NDArray[np.float16]]] = [[], []]
    for number, lag in enumerate(lags):
        tokens = np.random.default_rng(number).standard_normal((length + 200, WIDTH)).astype(np.float16)
        for side, first in zip(sides, (100, 100 - lag), strict=True):
            side.append(tokens[first : first + length * int(both[number])])
    streams = {
        f"sync-{modality}": StreamTokens.of(_write(folder / modality, modality, keys, side), keys)
        for modality, side in zip(("image", "audio"), sides, strict=True)
    }
    return replace(data, sync=SyncCurves.find(streams, data.clips))


def _write(folder: Path, modality: str, keys: list[tuple[str, int]], clips: list[NDArray[np.float16]]) -> TokenStore:
    spec = EncoderSpec(
        name="sync",
        modality=modality,  # type: ignore[arg-type]
        weights="seed-0",
        weights_hash="0" * 16,
        native_dim=WIDTH,
        projection="native",
        tokens_per_second=25.0,
        reads="mouth" if modality == "image" else "",
    )
    create_store(folder, spec, "media")
    times = np.concatenate([(np.arange(len(clip)) + 0.5) / 25 for clip in clips]).astype(np.float32)
    key, lengths = spec.fingerprint("media"), [len(clip) for clip in clips]
    write_tokens(folder / "shard-0.zarr", key, keys, np.concatenate(clips), times, lengths)
    return TokenStore(folder)
