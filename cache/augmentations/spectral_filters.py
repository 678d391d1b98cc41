"""Zero-phase filters: they scale the spectrum's magnitude and move nothing in time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MARGIN_S = 0.1
"""Seconds of silence after the clip: the ringing at both ends wraps into it, and is cut off."""
LOW_ORDER, HIGH_ORDER = 8, 4
"""Orders of the Butterworth magnitudes: 48 dB per octave as in anti-aliasing filters, 24 dB as in microphones."""


def limit_band(wave: NDArray[np.float32], rate: int, lowest: float, highest: float) -> NDArray[np.float32]:
    """(A,) -> (A,), band-pass: 3 dB lower at the two frequencies in Hz. 0 and infinity limit nothing."""
    import scipy.fft  # here, because a prediction never needs it, and it takes half a second to load

    length = scipy.fft.next_fast_len(len(wave) + int(MARGIN_S * rate), real=True)
    frequencies = scipy.fft.rfftfreq(length, 1 / rate)
    low = 1 / np.sqrt(1 + (frequencies / highest) ** (2 * LOW_ORDER))
    high = np.ones_like(low)
    if lowest > 0:
        above = (frequencies / lowest) ** HIGH_ORDER
        high = above / np.sqrt(1 + above**2)
    spectrum = scipy.fft.rfft(wave, length) * (low * high).astype(np.float32)
    return np.asarray(scipy.fft.irfft(spectrum, length)[: len(wave)], np.float32)


def generate_noise(
    random: np.random.Generator, samples: int, rate: int, tilt: float, corner: float = 50.0
) -> NDArray[np.float32]:
    """(A,) with a mean square of 1. Its power falls with frequency to the power of `tilt`: 0 is white, 1 is pink.

    Below `corner` Hz it is flat: otherwise pink noise would have most of its power below the range of microphones.
    """
    import scipy.fft

    length = scipy.fft.next_fast_len(samples, real=True)
    white = random.standard_normal(length, dtype=np.float32)
    frequencies = np.maximum(scipy.fft.rfftfreq(length, 1 / rate), corner)
    shape = (frequencies ** (-tilt / 2)).astype(np.float32)
    noise = scipy.fft.irfft(scipy.fft.rfft(white) * shape, length)[:samples]
    return np.asarray(noise / measure_level(noise), np.float32)


def measure_level(wave: NDArray[np.float32]) -> float:
    """Root mean square; the smallest number above 0 for silence."""
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) or float(np.finfo(np.float32).tiny)
