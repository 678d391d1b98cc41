"""Sound files as collections hold them: without a length in the header, joined, and with changing rates."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 16_000
FORMATS = {"wav": ("WAV", "PCM_16"), "flac": ("FLAC", "PCM_16"), "ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS")}


def make_tone(seconds: float, hertz: float = 440.0, rate: int = RATE) -> NDArray[np.float32]:
    return np.asarray(0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate), np.float32)


def write_tone(path: Path, seconds: float, hertz: float = 440.0, rate: int = RATE) -> Path:
    """In the format of the suffix."""
    if path.suffix == ".mp3":
        return write_mp3(path, make_tone(seconds, hertz, rate), rate)
    form, subtype = FORMATS[path.suffix[1:]]
    soundfile.write(path, make_tone(seconds, hertz, rate), rate, format=form, subtype=subtype)
    return path


def write_mp3(path: Path, sound: NDArray[np.float32], rate: int = RATE, *, length_tag: bool = True) -> Path:
    """MP3 of variable bit rate; without `length_tag` nothing in it tells its length."""
    options = {} if length_tag else {"write_xing": "0", "id3v2_version": "0"}
    with av.open(str(path), "w", format="mp3", options=options) as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout="mono", options={"q": "5"})
        stream.codec_context.global_quality = 5 * 118
        stream.codec_context.flags |= 2  # QSCALE: variable bit rate
        for begin in range(0, len(sound), 576):
            frame = av.AudioFrame.from_ndarray(sound[None, begin : begin + 576], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, begin
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def join(path: Path, *parts: Path) -> Path:
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path
