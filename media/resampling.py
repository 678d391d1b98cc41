"""Resampling and conversion to 16 bits."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch
import torchaudio.functional
from numpy.typing import NDArray

# Limit of the denominator of the ratio of two rates. All usual rates fit; 44,101 Hz would need a filter bank of
# gigabytes and gets the ratio of 44,100 Hz.
MAX_PHASES = 640


def resample(samples: NDArray[np.float32], rate: int, to_rate: int) -> NDArray[np.float32]:
    """(A,) at `rate` Hz -> (about A * to_rate / rate,) at `to_rate` Hz."""
    ratio = Fraction(rate, to_rate).limit_denominator(MAX_PHASES)
    result = torchaudio.functional.resample(torch.from_numpy(samples), ratio.numerator, ratio.denominator)
    return np.asarray(result.numpy(), np.float32)


def to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Full scale 1 -> 32768, rounded and clipped. Inverse of the readers: 16-bit audio is unchanged."""
    return np.asarray(np.clip(np.rint(samples * 32768.0), -32768, 32767), np.int16)
