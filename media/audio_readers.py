"""The libraries that decode sound. Each opens a recording as a `Track`, whose samples are read by clock time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from unmask.media.containers import opened
from unmask.media.timeline import clock_zero

# Containers whose index leads to the exact packet; elsewhere a seek lands somewhere near with a guessed time.
EXACT_SEEK = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
# Lossy codecs need some packets before their output is right.
RUN_UP_S = 0.5
# Packets that begin within this of where the one before ended are joined seamlessly: containers round their times.
JITTER_S = 0.05


class NoSound(Exception):
    """The recording has no sound track, or none with a sample in it."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A stretch of decoded sound."""

    begin_s: float
    """Clock time of its first sample."""
    rate: int
    """Hz, of the decoded samples."""
    channels: NDArray[np.float32]
    """(C, A) full scale is 1."""

    @property
    def end_s(self) -> float:
        return self.begin_s + self.channels.shape[1] / self.rate if self.rate else self.begin_s

    @property
    def mono(self) -> NDArray[np.float32]:
        """(A,) mean of all channels, or the first where they cancel out; values that are no numbers are silence."""
        clean = np.nan_to_num(self.channels, nan=0.0, posinf=0.0, neginf=0.0)
        mean = clean.mean(axis=0, dtype=np.float64)
        return np.asarray(mean if mean.any() else clean[0], np.float32)


@dataclass(frozen=True, slots=True)
class Track:
    """An opened recording."""

    start_s: float
    """Clock time of the first sample: 0 but for a track that starts late."""
    end_s: float
    read: Callable[[float, float], Sound]
    """read(from_s, to_s): what lies between these clock times."""


@contextmanager
def soundfile_track(path: Path) -> Iterator[Track]:
    """Whatever libsndfile reads. Raises `soundfile.SoundFileError`."""
    with soundfile.SoundFile(str(path)) as file:
        if file.frames <= 0:
            raise NoSound

        def read(from_s: float, to_s: float) -> Sound:
            first = min(max(0, round(from_s * file.samplerate)), file.frames)
            file.seek(first)
            samples = file.read(max(0, round(to_s * file.samplerate) - first), dtype="float32", always_2d=True)
            return Sound(first / file.samplerate, file.samplerate, samples.T)

        yield Track(0.0, file.frames / file.samplerate, read)


@contextmanager
def pyav_track(path: Path) -> Iterator[Track]:
    """Whatever FFmpeg reads, also the sound of a video: the track a player would choose. Raises `av.FFmpegError`."""
    with opened(path) as container:
        stream = container.streams.best("audio")
        if not isinstance(stream, AudioStream):
            raise NoSound
        if stream.codec_context is None:
            raise ValueError("no decoder knows its sound track")
        stream.codec_context.thread_count = 1
        start_s, end_s = _extent(container, stream)
        if end_s <= start_s:
            raise NoSound
        yield Track(start_s, end_s, lambda from_s, to_s: _decode(container, stream, from_s, to_s))


SOUND_READERS: dict[str, Callable[[Path], AbstractContextManager[Track]]] = {
    "soundfile": soundfile_track,
    "pyav": pyav_track,
}


def _extent(container: InputContainer, stream: AudioStream) -> tuple[float, float]:
    """Clock times at which the track begins and ends; from its packets where the header does not say."""
    tick, zero = float(stream.time_base or 0), float(clock_zero(container))
    if stream.start_time is not None and stream.duration:
        return stream.start_time * tick - zero, (stream.start_time + stream.duration) * tick - zero
    spans = [
        (packet.pts, packet.pts + (packet.duration or 0))
        for packet in container.demux(stream)
        if packet.pts is not None and packet.size
    ]
    if not spans:
        return 0.0, 0.0
    return min(begin for begin, _ in spans) * tick - zero, max(end for _, end in spans) * tick - zero


def _decode(container: InputContainer, stream: AudioStream, from_s: float, to_s: float) -> Sound:
    tick, zero = float(stream.time_base or 0), float(clock_zero(container))
    first = stream.start_time or 0
    near = int((from_s - RUN_UP_S + zero) / tick) if container.format.name in EXACT_SEEK else first
    container.seek(max(near, first), stream=stream, backward=True)
    parts: list[NDArray[np.float32]] = []
    begin_s, rate, length = from_s, 0, 0
    for frame in container.decode(stream):
        at = (frame.pts or 0) * tick - zero
        if at >= to_s:
            break
        if at + frame.samples / frame.sample_rate <= from_s:
            continue
        if not rate:
            begin_s, rate = at, frame.sample_rate
        part = _placed(_channels(frame), round((at - begin_s) * rate) - length, round(JITTER_S * rate))
        parts.append(part)
        length += part.shape[1]
    return Sound(begin_s, rate, _joined(parts))


def _joined(parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """One (C, A) array; the mean where the number of channels changes on the way, as it does in broadcasts."""
    if len({len(part) for part in parts}) > 1:
        parts = [part.mean(axis=0, keepdims=True) for part in parts]
    return np.concatenate(parts, axis=1) if parts else np.zeros((1, 0), np.float32)


def _placed(samples: NDArray[np.float32], gap: int, jitter: int) -> NDArray[np.float32]:
    """`samples` (C, A) that begin `gap` samples after the end of those before: silence between, an overlap cut off."""
    if abs(gap) <= jitter:
        return samples
    return np.pad(samples, ((0, 0), (gap, 0))) if gap > 0 else samples[:, -gap:]


def _channels(frame: av.AudioFrame) -> NDArray[np.float32]:
    """(C, A) full scale 1."""
    values = frame.to_ndarray()
    channels = values if frame.format.is_planar else values.reshape(-1, len(frame.layout.channels)).T
    if values.dtype == np.uint8:
        return np.asarray((channels.astype(np.float32) - 128) / 128, np.float32)
    full = 1.0 if values.dtype.kind == "f" else 2.0 ** (8 * values.dtype.itemsize - 1)
    return np.asarray(channels / full, np.float32)
