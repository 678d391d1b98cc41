"""Band limit and loudness of recordings, so that neither tells where they come from. A samples"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unmask.media.audio.silence import SILENT_BELOW_DB, compute_rms, compute_silence_limit

# Linear-phase low-pass of odd length, so that nothing moves in time. At 16 kHz it falls by 80 dB within 250 Hz.
TAPS = 321
STOP_DB = 80.0
FALL = 5.0 / (TAPS - 1)
"""Width of the transition, as a fraction of the rate, of a Kaiser window of STOP_DB (Kaiser 1974)."""
HIGHEST_PEAK = 0.99


def limit_band(samples: NDArray[np.float32], rate: int, highest_hz: float) -> NDArray[np.float32]:
    """(A,) with all above `highest_hz` at -80 dB or less; unchanged if that is no less than half the rate."""
    import scipy.signal  # here, because most files never need it, and it takes half a second to load

    if highest_hz >= rate / 2 or not len(samples):
        return samples
    window = ("kaiser", scipy.signal.kaiser_beta(STOP_DB))
    taps = scipy.signal.firwin(TAPS, highest_hz - FALL * rate / 2, window=window, fs=rate)
    return np.asarray(scipy.signal.oaconvolve(samples, taps)[TAPS // 2 :][: len(samples)], np.float32)


def compute_gain(clips: Sequence[NDArray[np.float32]], rate: int, loudness_db: float) -> float:
    """Factor that brings the sound of a recording's clips (A,) to `loudness_db`, or as near as its peaks allow.

    1 if every sample is zero.
    """
    filled = [clip for clip in clips if len(clip)]
    rms = [compute_rms(clip, rate) for clip in filled]
    peak = max((float(np.abs(clip).max()) for clip in filled), default=0.0)
    if peak == 0:
        return 1.0
    every = np.concatenate(rms)
    heard = every[every > compute_silence_limit(rms, SILENT_BELOW_DB)]
    level = float(np.sqrt((heard**2).mean()))
    return min(10 ** (loudness_db / 20) / level, HIGHEST_PEAK / peak)
