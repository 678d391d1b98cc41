"""Corruptions of the audio of one clip, each with a fixed parameter, in step with the clean audio.

MP3, Opus, mu-law and noise are those of cache/augmentations; AMR is the codec of mobile telephone calls. A samples
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from unmask.cache.augmentations import audio
from unmask.cache.augmentations.audio_codecs import TELEPHONE_HZ, transcode_mp3, transcode_opus, transcode_telephone
from unmask.cache.augmentations.spectral_filters import limit_band
from unmask.media.audio.resampling import resample, to_int16

Wave = NDArray[np.float32]
"""(A,); full scale is 1."""

PINK = 1.0
"""Tilt of the noise: rooms and streets have more power at low frequencies than white noise."""
LINE_HZ = 8000
MU_LAW_KBITS = 64
AMR_FRAME = 160
AMR_DELAY = 40
"""Samples of 8 kHz that a decoded call comes late: the 5 ms that the encoder looks ahead."""


def compress_mp3(wave: Wave, kilobits: float, random: np.random.Generator, rate: int) -> Wave:
    return transcode_mp3(wave, rate, round(kilobits * 1000))


def compress_opus(wave: Wave, kilobits: float, random: np.random.Generator, rate: int) -> Wave:
    return transcode_opus(wave, rate, round(kilobits * 1000))


def add_noise(wave: Wave, snr_db: float, random: np.random.Generator, rate: int) -> Wave:
    """Pink noise, `snr_db` below the mean power of the clip."""
    return audio.add_noise(wave, audio.Noise(snr_db, PINK), random, rate)


def telephone(wave: Wave, kilobits: float, random: np.random.Generator, rate: int) -> Wave:
    """A band of 300 to 3400 Hz; mu-law (G.711) at 64 kbit/s, below it AMR narrowband (3GPP TS 26.071) at 8 kHz."""
    if kilobits >= MU_LAW_KBITS:
        return transcode_telephone(wave, rate, round(kilobits * 1000))
    narrow = resample(limit_band(wave, rate, *TELEPHONE_HZ), rate, LINE_HZ)
    return _fit(resample(_transcode_amr(narrow, round(kilobits * 1000)), LINE_HZ, rate), len(wave))


def _transcode_amr(wave: Wave, bits: int) -> Wave:
    """(A,) at 8 kHz -> (A,)."""
    writer = _open_context("libopencore_amrnb", "w")
    writer.format, writer.bit_rate = "s16", bits
    writer.open()
    packets = [packet for frame in _split(wave) for packet in writer.encode(frame)] + writer.encode(None)
    reader = _open_context("amrnb", "r")
    frames = [frame for packet in packets for frame in reader.decode(packet)]
    parts = [frame.to_ndarray().reshape(-1) for frame in [*frames, *reader.decode(None)]]
    decoded = np.concatenate([np.zeros(0, np.float32), *parts]).astype(np.float32)
    return _fit(decoded[AMR_DELAY:], len(wave))


def _split(wave: Wave) -> Iterator[AudioFrame]:
    """Frames of 20 ms, and one more of silence, which flushes the delay."""
    padded = to_int16(np.pad(wave, (0, AMR_FRAME + -len(wave) % AMR_FRAME)))
    for begin in range(0, len(padded), AMR_FRAME):
        frame = AudioFrame.from_ndarray(padded[None, begin : begin + AMR_FRAME], format="s16", layout="mono")
        frame.sample_rate, frame.pts = LINE_HZ, begin
        yield frame


def _open_context(codec: str, mode: Any) -> AudioCodecContext:
    context = av.CodecContext.create(codec, mode)
    assert isinstance(context, AudioCodecContext)
    context.sample_rate, context.layout, context.thread_count = LINE_HZ, "mono", 1
    return context


def _fit(wave: Wave, samples: int) -> Wave:
    return np.pad(wave[:samples], (0, max(0, samples - len(wave))))
