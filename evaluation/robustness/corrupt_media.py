"""The clips of a media shard under one corruption. C clips, F faces, A samples"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from unmask.cache.augmentations.random_draws import seed_generator
from unmask.cache.shard_media import ShardMedia
from unmask.cache.store.ragged import compute_offsets, concatenate_ranges
from unmask.evaluation.robustness.corruptions import Corruption
from unmask.evaluation.robustness.silence_changes import Window
from unmask.media.audio.resampling import to_int16
from unmask.preprocess.profiles import AugmentationSettings

DRAWS = AugmentationSettings(seed=0)
"""A clip gets the same draws at every strength: a stronger corruption is the same change, larger."""


def select_clips(media: ShardMedia, clips: NDArray[np.int64]) -> ShardMedia:
    """The clips at these positions (rising), as a shard of their own."""
    faces, face_offsets = _select_rows(media.face_offsets, clips)
    audio, audio_offsets = _select_rows(media.audio_offsets, clips)
    positions = clips.tolist()
    return replace(
        media,
        keys=[media.keys[clip] for clip in positions],
        starts=media.starts[clips],
        faces=media.faces[faces] if len(media.faces) else media.faces,
        face_times=media.face_times[faces],
        face_offsets=face_offsets,
        audio=media.audio[audio] if len(media.audio) else media.audio,
        audio_offsets=audio_offsets,
        texts=[media.texts[clip] for clip in positions],
        facts=[media.facts[clip] for clip in positions],
        mouth=media.mouth[:0],
        mouth_offsets=np.zeros(len(clips) + 1, np.int64),
    )


def corrupt(media: ShardMedia, corruption: Corruption, strength: int, window_samples: int) -> ShardMedia:
    """The same clips under `corruption`; what it does not change is as it was. `window_samples`: of a whole window.

    The result of a clip does not depend on clips of other files.
    """
    value = corruption.values[strength - 1]
    if corruption.stream == "image":
        return replace(media, faces=_corrupt_faces(media, corruption, value))
    if corruption.edits_length:
        return _edit_length(media, corruption, value, window_samples)
    audio = media.audio.copy()
    for clip, own in _list_parts(media.audio_offsets):
        random = seed_generator("sound", DRAWS, 0, media.keys[clip])
        wave = media.audio[own].astype(np.float32) / np.float32(32768)
        audio[own] = to_int16(corruption.apply(wave, value, random, media.sample_rate))
    return replace(media, audio=audio)


def _corrupt_faces(media: ShardMedia, corruption: Corruption, value: float) -> NDArray[np.uint8]:
    faces = np.empty_like(media.faces)
    for clip, own in _list_parts(media.face_offsets):
        faces[own] = corruption.apply(media.faces[own], value, seed_generator("faces", DRAWS, 0, media.keys[clip]))
    return faces


def _edit_length(media: ShardMedia, corruption: Corruption, value: float, window_samples: int) -> ShardMedia:
    windows = _describe_windows(media, window_samples)
    parts = {clip: media.audio[own] for clip, own in _list_parts(media.audio_offsets)}
    starts = media.starts.copy()
    for clip, audio in parts.items():
        parts[clip], later = corruption.apply(audio, value, windows[clip], media.sample_rate)
        starts[clip] += later / media.sample_rate
    lengths = [len(parts[clip]) if clip in parts else 0 for clip in range(len(media.keys))]
    audio = np.concatenate([media.audio[:0], *(parts[clip] for clip in sorted(parts))])
    return replace(media, audio=audio, audio_offsets=compute_offsets(lengths), starts=starts)


def _describe_windows(media: ShardMedia, window_samples: int) -> list[Window]:
    """Of every clip. Clips of several faces share a window, so the first and last are found by their start."""
    starts: dict[str, list[float]] = defaultdict(list)
    for (media_id, _), start in zip(media.keys, media.starts.tolist(), strict=True):
        starts[media_id].append(start)
    faces = np.diff(media.face_offsets).tolist()
    return [
        Window(
            is_first=start == min(starts[media_id]),
            is_last=start == max(starts[media_id]),
            has_frames=count > 0,
            most=window_samples,
        )
        for (media_id, _), start, count in zip(media.keys, media.starts.tolist(), faces, strict=True)
    ]


def _list_parts(offsets: NDArray[np.int64]) -> Iterator[tuple[int, slice]]:
    """(clip, its rows) of the clips that have any."""
    for clip, (begin, end) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
        if end > begin:
            yield clip, slice(begin, end)


def _select_rows(offsets: NDArray[np.int64], clips: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    lengths = np.diff(offsets)[clips]
    return concatenate_ranges(offsets[:-1][clips], lengths), compute_offsets(lengths)
