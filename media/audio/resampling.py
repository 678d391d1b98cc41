"""Resampling and conversion to 16 bits.

soxr's "HQ" filter: flat to 0.91 of the lower Nyquist frequency, images and aliases below -120 dB. A filter that lets
the upper band fold back writes the source's sample rate into every feature, and the rate often tells the class.
"""

from __future__ import annotations

from math import gcd

import numpy as np
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.float32]

QUALITY = "HQ"
# Half the length of the filter is under 100 samples of the lower rate.
FILTER_SAMPLES = 256


def resample(samples: Samples, rate: int, to_rate: int) -> Samples:
    """(A,) or (A, C) at `rate` Hz -> (about A * to_rate / rate, ...) at `to_rate` Hz."""
    return samples if rate == to_rate else np.asarray(soxr.resample(samples, rate, to_rate, QUALITY), np.float32)


def resample_section(samples: Samples, first: int, rate: int, to_rate: int) -> tuple[Samples, int]:
    """A section (A,) of a recording that begins at its sample `first`, on the grid of the whole recording at `to_rate`.

    Returns the resampled section and the index of its first sample at `to_rate`. Away from its ends
    (`get_context_seconds`) it is equal to the section of the resampled recording.
    """
    if rate == to_rate:
        return samples, first
    skipped = -first % (rate // gcd(rate, to_rate))
    return resample(samples[skipped:], rate, to_rate), (first + skipped) * to_rate // rate


def get_context_seconds(rate: int, to_rate: int) -> float:
    """Seconds to read on both sides of a section so that it is resampled as within the whole recording."""
    return 0.0 if rate == to_rate else 1 / gcd(rate, to_rate) + FILTER_SAMPLES / min(rate, to_rate)


def to_int16(samples: Samples) -> NDArray[np.int16]:
    """Full scale 1 -> 32768, rounded and clipped. Inverse of the readers: 16-bit audio is unchanged."""
    return np.asarray(np.clip(np.rint(samples * 32768.0), -32768, 32767), np.int16)
