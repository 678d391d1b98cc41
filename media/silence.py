"""Silence of a recording: RMS per 10 ms frame, and the duration and share of silence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SILENCE_FEATURES = ("duration_s", "leading_s", "trailing_s", "silent_share")

FRAME_SECONDS = 0.01
# Relative to the loudest frame: quieter than any speech sound, louder than the noise floor of most recordings.
SILENT_BELOW_DB = -40.0


def measure_silence(clips: Sequence[NDArray[np.int16]], duration_s: float, sample_rate: int) -> tuple[float, ...]:
    """`FACTS` of one recording from its clips, (S,) mono each, in temporal order; NaN if there is no audio.

    A recording longer than its clips is described by the first and last clip, which hold its beginning and end.
    """
    return measure_silence_from_rms([compute_rms(clip, sample_rate) for clip in clips if len(clip)], duration_s)


def measure_silence_from_rms(rms: Sequence[NDArray[np.float64]], duration_s: float) -> tuple[float, ...]:
    """`FACTS` from the RMS per frame (F,) of each clip."""
    if not rms:
        return (float("nan"),) * len(SILENCE_FEATURES)
    limit = compute_silence_limit(rms, SILENT_BELOW_DB)
    silent = [each <= limit for each in rms]
    leading, trailing = _count_leading(silent[0]), _count_leading(silent[-1][::-1])
    share = float(np.concatenate(silent).mean())
    return duration_s, leading * FRAME_SECONDS, trailing * FRAME_SECONDS, share


def compute_silence_limit(rms: Sequence[NDArray[np.float64]], silence_db: float) -> float:
    """RMS up to which a frame is silent: `silence_db` relative to the loudest frame of all (F,) arrays."""
    return max(float(each.max()) for each in rms) * 10 ** (silence_db / 20)


def compute_rms(samples: NDArray[np.int16] | NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """(F,) root mean square per 10 ms frame of (S,) samples, S > 0.

    An incomplete last frame is dropped, unless it is the only one.
    """
    width = get_frame_length(sample_rate)
    whole = samples[: max(1, len(samples) // width) * width].astype(np.float64)
    frames = whole.reshape(-1, width) if len(whole) >= width else whole[None]
    rms: NDArray[np.float64] = np.sqrt((frames**2).mean(axis=1))
    return rms


def get_frame_length(sample_rate: int) -> int:
    """Samples per 10 ms frame."""
    return max(1, round(sample_rate * FRAME_SECONDS))


def _count_leading(silent: NDArray[np.bool_]) -> int:
    """Number of frames before the first that is not silent."""
    return len(silent) if silent.all() else int(np.argmin(silent))
