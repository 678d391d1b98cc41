"""Frame AUC: each face of a video scored by itself, without the other faces and without sound.

The field's detectors of video give a score per frame and average it per video. A model here reads all faces of a clip
together; on one face at a time it gives the score of a frame. The tokens are those of the cache.

C clips, F faces of all clips, N tokens
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.store.in_memory import InMemory
from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.open_run import OpenRun
from unmask.evaluation.suites.cell import FrameFigures
from unmask.metrics.binary import auc
from unmask.train.data.clip_table import ClipTable
from unmask.train.data.stream_tokens import StreamTokens
from unmask.train.data.token_data import TokenData
from unmask.train.scoring import compute_probability


def measure_frames(
    opened: OpenRun, items: ItemSet, numbers: NDArray[np.int64], device: torch.device
) -> FrameFigures | None:
    """Frame AUC of `items`, whose `numbers` (I,) in the clip table rise; None where no face can be scored alone."""
    clips = opened.select_clips()
    clips = clips[np.isin(opened.data.clips.item[clips], numbers)]
    names = opened.loaded.model.shape.streams
    found = split_into_faces(opened.data, names, clips)
    if found is None:
        return None
    faces = replace(opened, data=found)
    logit = faces.score_clips(np.arange(len(found.clips)), device=device).fake.astype(np.float64)
    score = compute_probability(logit, opened.info.temperature)
    owner = np.searchsorted(numbers, found.clips.item)
    counts = np.bincount(owner, minlength=len(numbers))
    shown = counts > 0
    means = np.bincount(owner, score, len(numbers))[shown] / counts[shown]
    return FrameFigures(
        auc=_auc(items.is_fake[owner], logit),
        video_auc=_auc(items.is_fake[shown], means),
        frames=len(owner),
        videos=int(shown.sum()),
    )


def split_into_faces(data: TokenData, names: Sequence[str], clips: NDArray[np.int64]) -> TokenData | None:
    """`data` with one clip per face of `clips`: its image tokens of the encoders `names`, and nothing else.

    None if there is no image, or the encoders saw faces at different times.
    """
    images = [name for name in names if data.modality(name) == "image"]
    taken = {name: data.streams[name].take(clips) for name in images}
    keys = {name: _find_faces(data.streams[name].lengths[clips], times) for name, (_, times) in taken.items()}
    first = next(iter(keys.values()), None)
    if first is None or not len(first[0]) or any(not np.array_equal(first[0], faces) for faces, _ in keys.values()):
        return None
    owner = first[0][:, 0].astype(np.int64)
    count = len(owner)
    streams = {}
    for name, stream in data.streams.items():
        if name in taken:
            tokens, times = taken[name]
            streams[name] = _hold(stream, tokens, times, keys[name][1])
        else:
            nothing = torch.zeros((0, stream.spec.width), dtype=torch.float16)
            streams[name] = _hold(stream, nothing, np.zeros(0, np.float32), np.zeros(count, np.int64))
    return replace(data, clips=_repeat_rows(data.clips, clips[owner]), streams=streams, sync=None)


def _find_faces(
    lengths: NDArray[np.int64], times: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(F, 2) position of the clip and time of each face, in the order of the tokens; (F,) tokens of each."""
    key_N2 = np.stack([np.repeat(np.arange(len(lengths)), lengths).astype(np.float64), times], axis=1)
    begins = np.flatnonzero(np.r_[len(key_N2) > 0, (np.diff(key_N2, axis=0) != 0).any(axis=1)])
    return key_N2[begins], np.diff(np.r_[begins, len(key_N2)])


def _hold(
    stream: StreamTokens, tokens: torch.Tensor, times: NDArray[np.float32], lengths: NDArray[np.int64]
) -> StreamTokens:
    begin = np.cumsum(lengths) - lengths
    held = InMemory(stream.spec, lengths, begin, tokens, times)
    return StreamTokens(stream.store, np.full(len(lengths), -1, np.int64), lengths, held)


def _repeat_rows(table: ClipTable, rows: NDArray[np.int64]) -> ClipTable:
    columns = {field.name: getattr(table, field.name) for field in fields(table) if field.name != "datasets"}
    return ClipTable(**{name: column[rows] for name, column in columns.items()}, datasets=table.datasets)


def _auc(is_fake: NDArray[np.bool_], score: NDArray[np.float64]) -> float | None:
    return auc(is_fake, score) if len(np.unique(is_fake)) == 2 else None
