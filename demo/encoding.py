"""Media encoders. Equal content gives equal bytes: one encoder thread, no dates in containers."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import av.container
import numpy as np
from PIL import Image

from unmask.demo.scenes import Frame
from unmask.demo.speech import RATE, Wave

FPS = 25
BIT_EXACT = {"fflags": "+bitexact"}


def write_image(path: Path, image: Frame, quality: int) -> None:
    """JPEG of this quality (1..95), or PNG (lossless), by the path's ending."""
    if path.suffix == ".png":
        Image.fromarray(image).save(path, compress_level=4)
    else:
        Image.fromarray(image).save(path, quality=quality, subsampling=2)


def write_audio(path: Path, audio: Wave, kilobits: int) -> None:
    """16 bit WAV, or MP3 of this bit rate, by the path's ending; mono at RATE."""
    codec = {".wav": "pcm_s16le", ".mp3": "libmp3lame"}[path.suffix]
    with av.open(str(path), "w", options=BIT_EXACT) as container:
        _encode_audio(container, _add_audio_stream(container, codec, kilobits), audio)


def write_video(path: Path, frames: Iterable[Frame], audio: Wave | None, crf: int) -> None:
    """H.264 of this constant rate factor at FPS, in MP4, with AAC audio if `audio` is given."""
    with av.open(str(path), "w", options=BIT_EXACT) as container:
        images = iter(frames)
        first = next(images)
        video = container.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = first.shape[1], first.shape[0], "yuv420p"
        video.codec_context.thread_count = 1
        video.options = {"crf": str(crf), "preset": "superfast"}
        stream = None if audio is None else _add_audio_stream(container, "aac", 64)
        for index, image in enumerate(chain((first,), images)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if stream is not None and audio is not None:
            _encode_audio(container, stream, audio)


def _add_audio_stream(container: av.container.OutputContainer, codec: str, kilobits: int) -> av.AudioStream:
    stream = container.add_stream(codec, rate=RATE)
    assert isinstance(stream, av.AudioStream)
    stream.codec_context.layout = "mono"
    stream.codec_context.thread_count = 1
    if codec != "pcm_s16le":
        stream.codec_context.bit_rate = kilobits * 1000
    if codec == "libmp3lame":
        # Frames that borrow bits from earlier ones make decoders complain when a reader starts in the middle.
        stream.codec_context.options = {"reservoir": "0"}
    return stream


def _encode_audio(container: av.container.OutputContainer, stream: av.AudioStream, audio: Wave) -> None:
    samples = np.rint(np.clip(audio, -1, 1) * 32767).astype(np.int16)[None]
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
