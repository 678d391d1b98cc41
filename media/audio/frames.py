"""Frames of an audio track as FFmpeg decodes them. Raises one of `DECODING_ERRORS`, or `NoAudio`."""

from __future__ import annotations

from collections.abc import Iterator

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer

from unmask.media.audio.waveform import NoAudio, Waveform, name_channels

# This many more packets with errors than without: the file cannot be decoded.
SURPLUS_ERRORS = 50


def get_audio_stream(container: InputContainer) -> AudioStream:
    """The audio track that a player would choose. Raises `NoAudio`, or `ValueError` without a decoder for it."""
    stream = container.streams.best("audio")
    if not isinstance(stream, AudioStream):
        raise NoAudio
    if stream.codec_context is None:
        raise ValueError("no decoder for its audio track")
    stream.codec_context.thread_count = 1
    return stream


def get_header_seconds(stream: AudioStream) -> float | None:
    """Length of the track according to its header."""
    return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None


def decode_frames(container: InputContainer, stream: AudioStream) -> Iterator[av.AudioFrame]:
    """Frames of the track. As in a player, a packet that cannot be decoded is left out.

    Raises the decoder's error if that is most of them.
    """
    frames = errors = 0
    error: av.FFmpegError | None = None
    for packet in container.demux(stream):
        try:
            decoded = packet.decode()
        except MemoryError:
            raise
        except av.FFmpegError as problem:
            error, errors = problem, errors + 1
            if errors > frames + SURPLUS_ERRORS:
                raise
            continue
        frames += len(decoded)
        yield from decoded
    if error is not None and errors > frames:
        raise error


def to_waveform(frame: av.AudioFrame, begin_s: float) -> Waveform:
    """The samples of a frame, full scale 1."""
    values = frame.to_ndarray()
    channels = values if frame.format.is_planar else values.reshape(-1, len(frame.layout.channels)).T
    middle = 128.0 if values.dtype == np.uint8 else 0.0
    full = 1.0 if values.dtype.kind == "f" else 2.0 ** (8 * values.dtype.itemsize - 1)
    layout = name_channels(frame.layout, len(channels)) if len(channels) > 2 else ()
    return Waveform(begin_s, frame.sample_rate, np.asarray((channels - middle) / full, np.float32), layout)
