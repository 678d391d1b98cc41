"""Lossy codecs that sound travels through: there and back in memory, in step with the pictures.

In step: to the sample, but for Opus at its lowest rates, whose speech mode is 0.7 ms late. A frame takes 40 ms.

Which: those of the listening conditions of ASVspoof 2021 (Liu et al., IEEE/ACM Transactions on Audio, Speech, and
Language Processing 31, 2023), where compression and telephone lines cost detectors much of their accuracy: MP3 and AAC
of the web, Opus of messengers, and the old telephone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import av
import numpy as np
import scipy.signal
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from unmask.cache.augmentations.spectral_filters import band_limited

Sound = NDArray[np.float32]
"""(A,) full scale is 1."""

TAIL = 4096
"""Samples of silence after the clip: they push its end out of the encoder, and make several frames of any clip."""
TELEPHONE_HZ = (300.0, 3400.0)
"""The band that networks carry (ITU-T G.712)."""
MU, STEPS = 255.0, 127
"""Of G.711: eight bits a sample, one of them the sign."""


def mp3(sound: Sound, rate: int, bits: int) -> Sound:
    return _there_and_back(sound, rate, bits, encoder="libmp3lame", decoder="mp3float", layout="fltp")


def aac(sound: Sound, rate: int, bits: int) -> Sound:
    return _there_and_back(sound, rate, bits, encoder="aac", decoder="aac", layout="fltp")


def opus(sound: Sound, rate: int, bits: int) -> Sound:
    return _there_and_back(sound, rate, bits, encoder="libopus", decoder="opus", layout="flt")


def telephone(sound: Sound, rate: int, bits: int) -> Sound:
    """A narrow band, and mu-law in it. 64 kbit/s whatever `bits` says: the network knows no other rate."""
    heard = band_limited(sound, rate, *TELEPHONE_HZ)
    bent = np.log1p(MU * np.minimum(np.abs(heard), 1)) / np.log1p(MU)
    steps = np.rint(bent * STEPS) / STEPS
    line = np.copysign(np.expm1(steps * np.log1p(MU)) / MU, heard)
    return band_limited(line, rate, *TELEPHONE_HZ)


CODECS: dict[str, Callable[[Sound, int, int], Sound]] = {
    "mp3": mp3,
    "aac": aac,
    "opus": opus,
    "telephone": telephone,
}
"""(A,) at a rate, in bits a second -> (A,). Silence comes back as silence, give or take one step of 16 bits."""

RATES: dict[str, tuple[int, ...]] = {
    "mp3": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    "aac": (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000),
    "opus": (8000, 12000, 16000, 24000, 48000),
}
"""Hz that an encoder takes. The telephone takes any."""


def codecs_at(rate: int) -> list[str]:
    """Names of the codecs that take sound of this rate, in a fixed order."""
    return [name for name in CODECS if name not in RATES or rate in RATES[name]]


def _there_and_back(sound: Sound, rate: int, bits: int, *, encoder: str, decoder: str, layout: str) -> Sound:
    writer = _context(encoder, "w", rate)
    writer.format, writer.bit_rate = layout, bits
    writer.open()
    packets = [packet for frame in _frames(sound, rate, writer.frame_size, layout) for packet in writer.encode(frame)]
    packets += writer.encode(None)
    reader = _context(decoder, "r", rate)
    reader.extradata = writer.extradata
    frames = [frame for packet in packets for frame in reader.decode(packet)]
    return _in_step(frames + reader.decode(None), rate, len(sound))


def _context(codec: str, mode: Literal["r", "w"], rate: int) -> AudioCodecContext:
    context = av.CodecContext.create(codec, mode)
    assert isinstance(context, AudioCodecContext)
    context.sample_rate, context.layout, context.thread_count = rate, "mono", 1
    return context


def _frames(sound: Sound, rate: int, size: int, layout: str) -> Iterator[AudioFrame]:
    """Equal frames, numbered by their first sample."""
    padded = np.pad(sound, (0, TAIL + -(len(sound) + TAIL) % size))
    for begin in range(0, len(padded), size):
        frame = AudioFrame.from_ndarray(padded[None, begin : begin + size], format=layout, layout="mono")
        frame.sample_rate, frame.pts = rate, begin
        yield frame


def _in_step(frames: list[AudioFrame], rate: int, samples: int) -> Sound:
    """The clip's own samples of what was decoded, at its own rate.

    Encoders need a run-up. They number their first packet below 0 by just so many samples, and some decoders cut it
    off. What is left of it begins where the second frame does, less the length of the first.
    """
    first, second = frames[:2]
    times = second.sample_rate // rate  # Opus is decoded at 48 kHz, a multiple of every rate that it takes
    assert second.pts is not None
    begin = second.pts * times - first.samples
    decoded = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
    heard = _fitted(decoded, begin, samples * times)
    return heard if times == 1 else np.asarray(scipy.signal.resample_poly(heard, 1, times), np.float32)


def _fitted(sound: Sound, begin: int, samples: int) -> Sound:
    """The samples from 0 to `samples` of a sound that begins at `begin`; silence where it has none."""
    cut = np.pad(sound, (max(0, begin), 0))[max(0, -begin) :][:samples]
    return np.pad(cut, (0, samples - len(cut)))
