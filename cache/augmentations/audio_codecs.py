"""Lossy audio codecs: encode and decode in memory, in step with the video frames.

In step to the sample, except for Opus at its lowest rates, whose speech mode is 0.7 ms late. A video frame takes 40 ms.

The codecs are those of ASVspoof 2021 (Liu et al., IEEE/ACM Transactions on Audio, Speech, and Language Processing 31,
2023), where compression and telephone lines cost detectors much of their accuracy: MP3 and AAC on the web, Opus in
messengers, and the telephone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from unmask.cache.augmentations.spectral_filters import limit_band
from unmask.media.audio.resampling import resample

Wave = NDArray[np.float32]
"""(A,); full scale is 1."""

TAIL = 4096
"""Samples of silence after the clip: they flush the encoder, and give any clip several frames."""
TELEPHONE_HZ = (300.0, 3400.0)
"""Band of telephone networks (ITU-T G.712)."""
MU, STEPS = 255.0, 127
"""G.711: eight bits per sample, one of them the sign."""


def transcode_mp3(wave: Wave, rate: int, bits: int) -> Wave:
    return _transcode(wave, rate, bits, encoder="libmp3lame", decoder="mp3float", layout="fltp")


def transcode_aac(wave: Wave, rate: int, bits: int) -> Wave:
    return _transcode(wave, rate, bits, encoder="aac", decoder="aac", layout="fltp")


def transcode_opus(wave: Wave, rate: int, bits: int) -> Wave:
    return _transcode(wave, rate, bits, encoder="libopus", decoder="opus", layout="flt")


def transcode_telephone(wave: Wave, rate: int, bits: int) -> Wave:
    """A narrow band, coded with mu-law. 64 kbit/s whatever `bits` says: the telephone network has no other rate."""
    narrow = limit_band(wave, rate, *TELEPHONE_HZ)
    compressed = np.log1p(MU * np.minimum(np.abs(narrow), 1)) / np.log1p(MU)
    steps = np.rint(compressed * STEPS) / STEPS
    line = np.copysign(np.expm1(steps * np.log1p(MU)) / MU, narrow)
    return limit_band(line, rate, *TELEPHONE_HZ)


@dataclass(frozen=True, slots=True)
class Codec:
    """One lossy codec. Silence stays silence, to within one step of 16 bits."""

    transcode: Callable[[Wave, int, int], Wave]
    """transcode(wave, rate, bits per second): (A,) -> (A,)."""
    rates: tuple[int, ...] = ()
    """Sample rates in Hz that the encoder supports; (): any."""


CODECS: dict[str, Codec] = {
    "mp3": Codec(transcode_mp3, (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)),
    "aac": Codec(
        transcode_aac, (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
    ),
    "opus": Codec(transcode_opus, (8000, 12000, 16000, 24000, 48000)),
    "telephone": Codec(transcode_telephone),
}
"""All codecs. A new one is one entry here; its name enters the key of augmented audio tokens by itself."""


def list_codecs(rate: int) -> list[str]:
    """Names of the codecs that support this sample rate, in the order of the registry."""
    return [name for name, codec in CODECS.items() if not codec.rates or rate in codec.rates]


def _transcode(wave: Wave, rate: int, bits: int, *, encoder: str, decoder: str, layout: str) -> Wave:
    writer = _open_context(encoder, "w", rate)
    writer.format, writer.bit_rate = layout, bits
    writer.open()
    written = _split_frames(wave, rate, writer.frame_size, layout)
    packets = [packet for frame in written for packet in writer.encode(frame)]
    packets += writer.encode(None)
    reader = _open_context(decoder, "r", rate)
    reader.extradata = writer.extradata
    frames = [frame for packet in packets for frame in reader.decode(packet)]
    return _align(frames + reader.decode(None), rate, len(wave))


def _open_context(codec: str, mode: Literal["r", "w"], rate: int) -> AudioCodecContext:
    context = av.CodecContext.create(codec, mode)
    assert isinstance(context, AudioCodecContext)
    context.sample_rate, context.layout, context.thread_count = rate, "mono", 1
    return context


def _split_frames(wave: Wave, rate: int, size: int, layout: str) -> Iterator[AudioFrame]:
    """Cut into equal frames, numbered by their first sample."""
    padded = np.pad(wave, (0, TAIL + -(len(wave) + TAIL) % size))
    for begin in range(0, len(padded), size):
        frame = AudioFrame.from_ndarray(padded[None, begin : begin + size], format=layout, layout="mono")
        frame.sample_rate, frame.pts = rate, begin
        yield frame


def _align(frames: list[AudioFrame], rate: int, samples: int) -> Wave:
    """(samples,) of the clip itself, at its own rate, from the decoded frames.

    Encoders prepend a delay. They number their first packet below 0 by that many samples, and some decoders drop part
    of it. The rest begins at the second frame's time minus the length of the first frame.
    """
    first, second = frames[:2]
    times = second.sample_rate // rate  # Opus is decoded at 48 kHz, a multiple of every rate that it supports
    assert second.pts is not None
    begin = second.pts * times - first.samples
    decoded = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
    own = _fit_length(decoded, begin, samples * times)
    return resample(own, rate * times, rate)


def _fit_length(wave: Wave, begin: int, samples: int) -> Wave:
    """Samples 0 to `samples` of a wave that begins at `begin`, padded with silence."""
    cut = np.pad(wave, (max(0, begin), 0))[max(0, -begin) :][:samples]
    return np.pad(cut, (0, samples - len(cut)))
