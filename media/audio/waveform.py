"""Decoded audio: sections of a recording, and their channels mixed to one.

C channels, A samples, F frames of 10 ms
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import av
import numpy as np
from numpy.typing import NDArray

from unmask.media.audio.silence import compute_rms

CENTER = sqrt(0.5)
# Gain of each loudspeaker in the mono sum of the stereo downmix of ITU-R BS.775: the center and the surrounds enter
# both sides at -3 dB, the low-frequency channel is left out.
GAINS = {
    **dict.fromkeys(("FL", "FR", "BC", "FLC", "FRC", "DL", "DR"), 0.5),
    "FC": CENTER,
    **dict.fromkeys(("BL", "BR", "SL", "SR"), CENTER / 2),
    **dict.fromkeys(("LFE", "LFE2"), 0.0),
}
# The loudest channel replaces a mix that is this far below it: opposite channels cancel out, or the only sound is in a
# channel that hardly counts. One channel of stereo alone is at -6 dB.
CANCELLED_DB = -15.0
# The first of channels that are about as loud, so that rounding does not choose.
ABOUT_EQUAL = 0.9

# Orders of channels where a file does not name them: WAV, FLAC and most others; Vorbis and Opus.
ORDERS: dict[int, tuple[str, ...]] = {
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
VORBIS_ORDERS: dict[int, tuple[str, ...]] = {
    3: ("FL", "FC", "FR"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FC", "FR", "BL", "BR"),
    6: ("FL", "FC", "FR", "BL", "BR", "LFE"),
    7: ("FL", "FC", "FR", "SL", "SR", "BC", "LFE"),
    8: ("FL", "FC", "FR", "SL", "SR", "BL", "BR", "LFE"),
}


def name_channels(layout: av.AudioLayout, count: int) -> tuple[str, ...]:
    """Loudspeaker of each of `count` channels; the usual order where the file does not name them."""
    names = tuple(channel.name for channel in layout.channels)
    return names if len(names) == count and "NONE" not in names else ORDERS.get(count, ())


class NoAudio(Exception):
    """The recording has no audio track, or one without samples."""


@dataclass(frozen=True, slots=True)
class Mix:
    """All channels as one."""

    samples: NDArray[np.float32]
    """(A,) 0 for samples that are not finite."""
    channel: str | None
    """The channel that was taken instead of the mix, because the channels cancel out."""


@dataclass(frozen=True, slots=True)
class Waveform:
    """Decoded samples of a section of a recording."""

    begin_s: float
    """Clock time of the first sample."""
    rate: int
    """Samples per second."""
    channels: NDArray[np.float32]
    """(C, A), full scale 1."""
    layout: tuple[str, ...] = ()
    """Loudspeaker of each channel, such as "FL"; empty if unknown."""

    @property
    def end_s(self) -> float:
        return self.begin_s + self.channels.shape[1] / self.rate if self.rate else self.begin_s

    @property
    def mono(self) -> NDArray[np.float32]:
        """(A,) the samples of `mix`."""
        return self.mix().samples

    def mix(self) -> Mix:
        """The weighted mean of all channels, or the loudest channel where they cancel out."""
        clean = self._clean()
        mean = np.asarray(self._weights() @ clean, np.float32)
        power = np.array([np.vdot(channel, channel) for channel in clean], np.float64)
        if not power.size or float(np.vdot(mean, mean)) >= power.max() * 10 ** (CANCELLED_DB / 10):
            return Mix(mean, None)
        loudest = int(np.flatnonzero(power >= ABOUT_EQUAL * power.max())[0])
        return Mix(clean[loudest], self._name(loudest))

    def rms(self) -> NDArray[np.float64]:
        """(F,) RMS per 10 ms over all channels; opposite channels do not cancel out."""
        weights = self._weights().astype(np.float64)
        power = sum(
            weight * compute_rms(channel, self.rate) ** 2
            for weight, channel in zip(weights, self._clean(), strict=True)
            if weight
        )
        return np.asarray(np.sqrt(power), np.float64)

    def _clean(self) -> NDArray[np.float32]:
        return np.nan_to_num(self.channels, nan=0.0, posinf=0.0, neginf=0.0)

    def _weights(self) -> NDArray[np.float32]:
        """(C,) with the sum 1, so that the mix is never louder than the channels."""
        count = len(self.channels)
        if count <= 2 or len(self.layout) != count or not any(GAINS.get(name, CENTER / 2) for name in self.layout):
            return np.full(count, 1 / count, np.float32)
        gains = np.array([GAINS.get(name, CENTER / 2) for name in self.layout])
        return np.asarray(gains / gains.sum(), np.float32)

    def _name(self, channel: int) -> str:
        if len(self.layout) == len(self.channels):
            return self.layout[channel]
        return ("left", "right")[channel] if len(self.channels) == 2 else str(channel + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """An open audio track."""

    start_s: float
    """Clock time of the first sample: 0 unless the track starts late."""
    end_s: float
    rate: int
    """Samples per second."""
    read: Callable[[float, float], Waveform]
    """read(from_s, to_s): the samples between two clock times."""


def join_sections(sections: Sequence[Waveform], begin_s: float, rate: int) -> Waveform:
    """One waveform of sections that follow each other, all at `rate`.

    Mono if their channels differ, as in broadcasts and joined files.
    """
    if not sections:
        return Waveform(begin_s, rate, np.zeros((1, 0), np.float32))
    first = sections[0]
    if any(len(one.channels) != len(first.channels) or one.layout != first.layout for one in sections):
        return Waveform(begin_s, rate, np.concatenate([one.mono for one in sections])[None])
    return Waveform(begin_s, rate, np.concatenate([one.channels for one in sections], axis=1), first.layout)
