"""Silence of a recording: RMS per 10 ms frame, and the duration and share of silence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SILENCE_FEATURES = ("duration_s", "leading_s", "trailing_s", "silent_share")

FRAME_SECONDS = 0.01
# Relative to the loudest sound that lasts: quieter than any speech sound, louder than most recordings' noise floor.
SILENT_BELOW_DB = -40.0
# The loudest sound that lasts is the level that is reached for half a second, or for a twentieth of what is not empty
# if that is less. One door that slams does not make all speech silent.
LASTING_FRAMES = 50
LASTING_SHARE = 0.05
# Digital silence, which no microphone records: below the last bits, and far below the sound.
EMPTY_RMS = 10 ** (-80 / 20)
EMPTY_BELOW_DB = -60.0


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
    """RMS up to which a frame is silent: `silence_db` relative to the loudest sound that lasts in all (F,) arrays."""
    return _measure_lasting(rms) * 10 ** (silence_db / 20)


def compute_empty_limit(rms: Sequence[NDArray[np.float64]]) -> float:
    """RMS, full scale 1, up to which a frame is digital silence."""
    return min(EMPTY_RMS, compute_silence_limit(rms, EMPTY_BELOW_DB))


def _measure_lasting(rms: Sequence[NDArray[np.float64]]) -> float:
    """RMS of the loudest sound that lasts; 0 if all samples are zero."""
    heard = np.concatenate(rms)
    heard = heard[heard > 0]
    if not len(heard):
        return 0.0
    louder = min(LASTING_FRAMES, int(LASTING_SHARE * len(heard)))
    return float(np.partition(heard, len(heard) - 1 - louder)[len(heard) - 1 - louder])


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
