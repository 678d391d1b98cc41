"""What a media shard stores: clips of faces, mouths and audio, and the item that they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from unmask.media.audio.quality import Quality

MOUTH_SIDE = 96
"""Pixels of a mouth crop."""


def _make_empty_mouth() -> NDArray[np.uint8]:
    return np.zeros((0, MOUTH_SIDE, MOUTH_SIDE), np.uint8)


def _make_none_found() -> NDArray[np.bool_]:
    return np.zeros(0, np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One face in one window of an item. An image is a clip of one frame at 0 s."""

    start_s: float
    end_s: float
    faces: NDArray[np.uint8]
    """(F, S, S, 3) RGB; F is 0 for audio."""
    face_times: NDArray[np.float32]
    """(F,) seconds from the start of the recording."""
    boxes: NDArray[np.float32]
    """(F, 4) x0, y0, x1, y1 in pixels of the full frame."""
    landmarks: NDArray[np.float32]
    """(F, 5, 2), NaN in frames without a detection."""
    confidence: NDArray[np.float32]
    """(F,) 0..1, NaN in frames without a detection."""
    audio: NDArray[np.int16]
    """(A,) mono at the profile's sample rate; A is 0 without audio."""
    track: int = 0
    """Face of its window: 0 is the dominant one."""
    mouth: NDArray[np.uint8] = field(default_factory=_make_empty_mouth)
    """(M, MOUTH_SIDE, MOUTH_SIDE) gray; crop k shows the time `start_s` + k / `preprocess.mouth_fps`. M is 0 without a
    mouth stream, for images and audio, and where no face was detected.
    """
    mouth_found: NDArray[np.bool_] = field(default_factory=_make_none_found)
    """(M,) landmarks were found, in the frame or in those before and after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaItem:
    """Result of preprocessing one manifest row."""

    media_id: str
    content: str
    clips: tuple[Clip, ...] = ()
    text: str | None = None
    reader: str | None = None
    """Library that decoded it: decord, pyav, pillow, soundfile; two joined by "+" if video and audio differ."""
    reason: str | None = None
    """unmask.core.errors.Reason of an item without clips, else None."""
    problem: str | None = None
    quality: Quality | None = None
    """Of the audio; None without audio."""
    cut_start_s: float = 0.0
    cut_end_s: float = 0.0
    """Seconds of silence trimmed at the beginning and at the end."""
    thumbnail: bytes = b""
    """Small JPEG of a failed item; empty if nothing can be decoded."""
    ambiguous_windows: int = 0
    """Windows in which several faces are of similar size, and no mask says which one is manipulated."""
    windows_of_several_faces: int = 0
    """Windows in which a second face is there in half of the frames, whether it is cropped or not."""
