"""Silence that is trimmed from, or added to, the begin and the end of a recording.

Both change the length of the audio. Only the first window of a file has its begin, and only the last its end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmask.media.audio.silence import compute_rms, compute_silence_limit, get_frame_length

Samples = NDArray[np.int16]

LEAST_S = 0.25
"""As `preprocess.min_seconds`: encoders need some audio to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Where the audio of a clip lies in its file."""

    is_first: bool
    is_last: bool
    has_frames: bool
    """The clip shows an image: its audio keeps its clock, so that both stay in step."""
    most: int
    """Samples of a whole window."""


def trim_silence(audio: Samples, below_db: float, window: Window, rate: int) -> tuple[Samples, int]:
    """The audio without the frames of 10 ms at its ends that are at least `below_db` quieter than its loudest sound.

    Second: samples by which the rest begins later. A clip without a louder frame, or with less than LEAST_S of them,
    stays whole.
    """
    rms = compute_rms(audio, rate)
    loud = np.flatnonzero(rms > compute_silence_limit([rms], -below_db)) if rms.any() else np.zeros(0, np.int64)
    if not len(loud):
        return audio, 0
    frame = get_frame_length(rate)
    begin = int(loud[0]) * frame if window.is_first else 0
    whole = not window.is_last or int(loud[-1]) == len(rms) - 1
    end = len(audio) if whole else (int(loud[-1]) + 1) * frame
    if end - begin < LEAST_S * rate:
        return audio, 0
    return audio[begin:end], begin if window.has_frames else 0


def add_silence(audio: Samples, seconds: float, window: Window, rate: int) -> tuple[Samples, int]:
    """The audio after `seconds` of digital silence.

    Of an audio file the window keeps its length, so its end is cut; a clip with frames gets audio before its image.
    """
    if not window.is_first:
        return audio, 0
    added = round(seconds * rate)
    longer = np.concatenate([np.zeros(added, np.int16), audio])
    if window.has_frames:
        return longer, -added
    return longer[: max(window.most, len(audio))], 0
