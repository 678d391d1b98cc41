"""Inputs of the controls for every item, read from the tokens and the media shards.

I items, E encoders, D width of an encoder's tokens
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.manifests.manifest import MediaRow
from unmask.media.audio.level import LEVEL_FEATURES, measure_level
from unmask.media.audio.silence import SILENCE_FEATURES, measure_silence
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.train.data.stream_tokens import StreamTokens
from unmask.train.data.token_data import TokenData

AUDIO_FEATURES = (*SILENCE_FEATURES, *LEVEL_FEATURES, "sample_rate")

# Clips whose tokens are in memory at once: about 100 MB.
BLOCK = 2048


def average_tokens(
    data: TokenData, names: Sequence[str], items: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(I, sum of D) mean tokens, 0 without any, and (I, E) whether there are any; `items`: I rising item numbers."""
    chosen = np.asarray(items, np.int64)
    place = np.full(data.clips.items, -1, np.int64)
    place[chosen] = np.arange(len(chosen))
    rows = place[data.clips.item]
    columns = [_average_encoder(data.streams[name], rows, len(chosen)) for name in names]
    return np.concatenate([means for means, _ in columns], axis=1), np.stack([has for _, has in columns], axis=1)


def _average_encoder(
    stream: StreamTokens, rows: NDArray[np.int64], count: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(count, D) and (count,); `rows` (C,) is the position of each clip's item in `items`, -1 for other clips."""
    filled = np.flatnonzero((stream.lengths > 0) & (rows >= 0))
    total, tokens_of = torch.zeros(count, stream.spec.width), np.bincount(rows[filled], stream.lengths[filled], count)
    for start in range(0, len(filled), BLOCK):
        clips = filled[start : start + BLOCK]
        tokens, _ = stream.take(clips)
        row_of = np.repeat(rows[clips], stream.lengths[clips])
        total.index_add_(0, torch.from_numpy(row_of), tokens.cpu().float())
    sums: NDArray[np.float32] = total.numpy()
    return sums / np.maximum(tokens_of, 1).astype(np.float32)[:, None], tokens_of > 0


def measure_item_audio(shards: Iterable[Path], rows: Mapping[str, MediaRow]) -> dict[str, tuple[float, ...]]:
    """media_id -> `AUDIO_FEATURES` of each item of `rows` with audio.

    Silence is that before the ends were trimmed, level and bandwidth are those of the clips. Duration and sample rate
    are those of the file, from the manifest.
    """
    measured: dict[str, tuple[float, ...]] = {}
    for path in shards:
        shard = MediaShard(path)
        parts: dict[str, list[NDArray[np.int16]]] = {}
        offsets, samples = shard.audio_offsets, shard.array("audio")
        rate = int(shard.settings["sample_rate"])
        for number, (media_id, _) in enumerate(shard.clip_keys):
            if media_id in rows and offsets[number + 1] > offsets[number]:
                parts.setdefault(media_id, []).append(samples[offsets[number] : offsets[number + 1]])
        cuts = {entry["media_id"]: (entry["cut_start_s"], entry["cut_end_s"]) for entry in shard.entries}
        for media_id, clips in parts.items():
            seconds, own_rate = _to_number(rows[media_id].duration_s), _to_number(rows[media_id].sample_rate)
            silence = _add_cuts(measure_silence(clips, seconds, rate), *cuts[media_id])
            measured[media_id] = (*silence, *measure_level(clips, rate), own_rate)
    return measured


def _to_number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _add_cuts(facts: tuple[float, ...], cut_start_s: float, cut_end_s: float) -> tuple[float, ...]:
    duration_s, leading_s, trailing_s, silent_share = facts
    return duration_s, cut_start_s + leading_s, cut_end_s + trailing_s, silent_share


def build_audio_table(media_ids: Sequence[str], found: Mapping[str, tuple[float, ...]]) -> NDArray[np.float64]:
    """(N, AUDIO_FEATURES) in the order of `media_ids`, NaN for items without audio."""
    nothing = (float("nan"),) * len(AUDIO_FEATURES)
    rows = [found.get(media_id, nothing) for media_id in media_ids]
    return np.array(rows, np.float64).reshape(-1, len(AUDIO_FEATURES))
