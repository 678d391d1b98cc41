"""Level and bandwidth of a recording: what microphones, codecs and synthesizers differ in, whatever was said.

A samples, F frames of 10 ms, K frequencies
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unmask.media.audio.silence import SILENT_BELOW_DB, compute_silence_limit
from unmask.media.audio.waveform import Waveform

LEVEL_FEATURES = ("rms_db", "peak_db", "bandwidth_hz")
"""RMS of what is not silent and largest sample, both in dB of full scale; highest frequency above the noise floor."""

WINDOW_S = 0.032
SMOOTHED_HZ = 200.0
# The floor is the quietest part of the mean spectrum above the hum, or what a 16-bit file can hold.
FLOOR_ABOVE_HZ, FLOOR_PERCENT = 300.0, 2.0
DEEPEST_FLOOR_DB = -80.0
ABOVE_FLOOR_DB = 10.0


class LevelMeter:
    """Measures a recording block by block, in constant memory."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._rms: list[NDArray[np.float64]] = []
        self._peak = 0.0
        self._window = np.hanning(max(16, round(WINDOW_S * rate)) + 2)[1:-1]
        self._power = np.zeros(len(self._window) // 2 + 1)

    @property
    def rms(self) -> NDArray[np.float64]:
        """(F,) RMS per 10 ms frame over all channels."""
        return np.concatenate(self._rms) if self._rms else np.zeros(0)

    def add(self, block: Waveform) -> None:
        if not block.channels.size:
            return
        self._rms.append(block.rms())
        self._peak = max(self._peak, float(np.abs(block.channels[np.isfinite(block.channels)]).max(initial=0.0)))
        self._power += sum_power(block.mono, self._window)

    def measure(self) -> tuple[float, ...]:
        """`LEVEL_FEATURES`; NaN if every sample is zero."""
        rms = self.rms
        if not rms.any():
            return (float("nan"),) * len(LEVEL_FEATURES)
        heard = rms[rms > compute_silence_limit([rms], SILENT_BELOW_DB)]
        level = float(np.sqrt((heard**2).mean()))
        return to_db(level), to_db(self._peak), find_bandwidth(self._power, self.rate)


def measure_level(clips: Sequence[NDArray[np.int16]], rate: int) -> tuple[float, ...]:
    """`LEVEL_FEATURES` of one recording from its clips, (A,) mono each."""
    meter = LevelMeter(rate)
    for clip in clips:
        meter.add(Waveform(0.0, rate, np.asarray(clip / 32768, np.float32)[None]))
    return meter.measure()


def to_db(amplitude: float) -> float:
    return float(20 * np.log10(amplitude)) if amplitude > 0 else float("-inf")


def sum_power(samples: NDArray[np.float32], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K,) power spectrum, summed over the windows of (A,) samples; shorter samples are padded."""
    import scipy.fft  # here, because images never need it, and it takes half a second to load

    size = len(window)
    whole = samples[: max(1, len(samples) // size) * size]
    frames = np.pad(whole, (0, -len(whole) % size)).reshape(-1, size)
    return np.asarray((np.abs(scipy.fft.rfft(frames * window, axis=1)) ** 2).sum(axis=0), np.float64)


def find_bandwidth(power: NDArray[np.float64], rate: int) -> float:
    """Highest frequency in Hz at which the mean spectrum (K,) is above its floor; half the rate without a floor."""
    step = rate / 2 / (len(power) - 1)
    width = max(1, round(SMOOTHED_HZ / step))
    smooth = np.convolve(np.pad(power, width // 2, mode="edge"), np.ones(width) / width, mode="same")
    smooth = smooth[width // 2 :][: len(power)]
    level = 10 * np.log10(smooth / smooth.max() + 1e-30)
    frequency = np.arange(len(power)) * step
    floor = max(float(np.percentile(level[frequency >= FLOOR_ABOVE_HZ], FLOOR_PERCENT)), DEEPEST_FLOOR_DB)
    heard = frequency[level > floor + ABOVE_FLOOR_DB]
    return float(heard[-1]) if len(heard) else rate / 2
