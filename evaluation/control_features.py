"""What the controls may see of every item, read from the tokens and the media shards.

I items, E encoders, D width of an encoder's tokens
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.manifests.manifest import MediaRow
from unmask.media.silence import SILENCE_FEATURES, measure_silence
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.train.data.stream_tokens import StreamTokens
from unmask.train.data.token_data import TokenData

# Clips whose tokens are in memory at once: about 100 MB.
BLOCK = 2048


def mean_tokens(
    data: TokenData, names: Sequence[str], items: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Of `items`, I rising numbers of the clip table: (I, sum of D) mean tokens, 0 without any; (I, E) has it any."""
    chosen = np.asarray(items, np.int64)
    place = np.full(data.clips.items, -1, np.int64)
    place[chosen] = np.arange(len(chosen))
    rows = place[data.clips.item]
    columns = [_stream_means(data.streams[name], rows, len(chosen)) for name in names]
    return np.concatenate([means for means, _ in columns], axis=1), np.stack([has for _, has in columns], axis=1)


def _stream_means(
    stream: StreamTokens, rows: NDArray[np.int64], count: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(count, D) and (count,); `rows` (C,) is each clip's item among those wanted, -1 for a clip of another."""
    filled = np.flatnonzero((stream.lengths > 0) & (rows >= 0))
    total, tokens_of = torch.zeros(count, stream.spec.width), np.bincount(rows[filled], stream.lengths[filled], count)
    for start in range(0, len(filled), BLOCK):
        clips = filled[start : start + BLOCK]
        tokens, _ = stream.take(clips)
        row_of = np.repeat(rows[clips], stream.lengths[clips])
        total.index_add_(0, torch.from_numpy(row_of), tokens.cpu().float())
    means: NDArray[np.float32] = total.numpy() / np.maximum(tokens_of, 1).astype(np.float32)[:, None]
    return means, tokens_of > 0


def item_silence(shards: Iterable[Path], rows: Mapping[str, MediaRow]) -> dict[str, tuple[float, ...]]:
    """media_id -> `FACTS` of every item of `rows` that has sound, of the recording as it was before any silence was
    cut off its ends; the duration is the manifest's.
    """
    found: dict[str, tuple[float, ...]] = {}
    for path in shards:
        shard = MediaShard(path)
        parts: dict[str, list[NDArray[np.int16]]] = {}
        offsets, samples = shard.audio_offsets, shard.array("audio")
        rate = int(shard.settings["sample_rate"])
        for number, (media_id, _) in enumerate(shard.clip_keys):
            if media_id in rows and offsets[number + 1] > offsets[number]:
                parts.setdefault(media_id, []).append(samples[offsets[number] : offsets[number + 1]])
        cuts = {entry["media_id"]: (entry["cut_start_s"], entry["cut_end_s"]) for entry in shard.entries}
        for media_id, heard in parts.items():
            seconds = rows[media_id].duration_s
            facts = measure_silence(heard, float("nan") if seconds is None else seconds, rate)
            found[media_id] = _with_cuts(facts, *cuts[media_id])
    return found


def _with_cuts(facts: tuple[float, ...], cut_start_s: float, cut_end_s: float) -> tuple[float, ...]:
    duration_s, leading_s, trailing_s, silent_share = facts
    return duration_s, cut_start_s + leading_s, cut_end_s + trailing_s, silent_share


def silence_table(media_ids: Sequence[str], found: Mapping[str, tuple[float, ...]]) -> NDArray[np.float64]:
    """(N, F) the facts in the order of `media_ids`, NaN where an item has no sound."""
    nothing = (float("nan"),) * len(SILENCE_FEATURES)
    return np.array([found.get(media_id, nothing) for media_id in media_ids], np.float64).reshape(
        -1, len(SILENCE_FEATURES)
    )
