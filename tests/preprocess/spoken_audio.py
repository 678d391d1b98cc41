"""Recordings with silence around a tone, and their preprocessed items."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tiny_media import manifest_of

from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.shards.media_item import MediaItem
from unmask.preprocess.task import Task
from unmask.preprocess.worker import preprocess_item

RATE = 16_000
SETTINGS = PreprocessSettings(clip_seconds=30, frames_per_clip=4, face_size=64, detector="none")


def spoken(lead_s: float, tone_s: float, tail_s: float, floor: float = 0.0005) -> NDArray[np.float32]:
    """A tone with the noise of a quiet room before and after."""
    noise = np.random.default_rng(0).normal(0, floor, round((lead_s + tone_s + tail_s) * RATE))
    tone = 0.5 * np.sin(2 * np.pi * 300 * np.arange(round(tone_s * RATE)) / RATE)
    noise[round(lead_s * RATE) :][: len(tone)] += tone
    return noise.astype(np.float32)


def item_of(path: Path, settings: PreprocessSettings = SETTINGS) -> MediaItem:
    (row,) = manifest_of(path.parent, [path.name]).rows()
    return preprocess_item(
        Task(media_id="m", content=row.content, path=path, kind=row.kind, text=None, settings=settings)
    )
