"""Audio decoding: the one module that opens audio, in three ways.

AUDIO_READERS   random access to a `Track` by clock time, all channels: preprocessing
read_start      the beginning of a file, mono: perceptual hashes
read_rms        RMS per 10 ms frame of a whole file, in constant memory: the audit

Samples are float32, full scale 1. libsndfile reads a file if it can, FFmpeg else.
"""

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

from unmask.core.errors import BadMedia
from unmask.media.containers import DECODING_ERRORS, open_container
from unmask.media.silence import compute_rms, get_frame_length
from unmask.media.timeline import get_clock_zero

AUDIO_ERRORS = (soundfile.SoundFileError, *DECODING_ERRORS)
"""Raised by the readers for a file that they cannot decode."""

# Containers whose index leads to the exact packet; in others a seek lands nearby with a guessed time.
EXACT_SEEK = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
# Lossy codecs need some packets before their output is right.
RUN_UP_S = 0.5
# Packets that begin within this time of the end of the previous one are joined seamlessly: containers round times.
JITTER_S = 0.05
# Frames of 10 ms per block of `read_rms`: 10 s.
FRAMES_PER_BLOCK = 1_000


class NoAudio(Exception):
    """The recording has no audio track, or one without samples."""


@dataclass(frozen=True, slots=True)
class Waveform:
    """Decoded samples of a section of a recording."""

    begin_s: float
    """Clock time of the first sample."""
    rate: int
    """Samples per second."""
    channels: NDArray[np.float32]
    """(C, A), full scale 1."""

    @property
    def end_s(self) -> float:
        return self.begin_s + self.channels.shape[1] / self.rate if self.rate else self.begin_s

    @property
    def mono(self) -> NDArray[np.float32]:
        """(A,) mean of all channels, or the first channel if they cancel out; 0 for samples that are not finite."""
        clean = np.nan_to_num(self.channels, nan=0.0, posinf=0.0, neginf=0.0)
        mean = clean.mean(axis=0, dtype=np.float64)
        return np.asarray(mean if mean.any() else clean[0], np.float32)


@dataclass(frozen=True, slots=True)
class Track:
    """An open audio track."""

    start_s: float
    """Clock time of the first sample: 0 unless the track starts late."""
    end_s: float
    read: Callable[[float, float], Waveform]
    """read(from_s, to_s): the samples between two clock times."""


@contextmanager
def open_soundfile(path: Path) -> Iterator[Track]:
    """A file that libsndfile reads. Raises `soundfile.SoundFileError` or `NoAudio`."""
    with soundfile.SoundFile(str(path)) as file:
        if file.frames <= 0:
            raise NoAudio

        def read(from_s: float, to_s: float) -> Waveform:
            first = min(max(0, round(from_s * file.samplerate)), file.frames)
            file.seek(first)
            samples = file.read(max(0, round(to_s * file.samplerate) - first), dtype="float32", always_2d=True)
            return Waveform(first / file.samplerate, file.samplerate, samples.T)

        yield Track(0.0, file.frames / file.samplerate, read)


@contextmanager
def open_pyav(path: Path) -> Iterator[Track]:
    """A file that FFmpeg reads, videos included: the track a player would choose.

    Raises one of `DECODING_ERRORS` or `NoAudio`.
    """
    with open_container(path) as container:
        stream = container.streams.best("audio")
        if not isinstance(stream, AudioStream):
            raise NoAudio
        if stream.codec_context is None:
            raise ValueError("no decoder for its audio track")
        stream.codec_context.thread_count = 1
        start_s, end_s = _measure_extent(container, stream)
        if end_s <= start_s:
            raise NoAudio
        yield Track(start_s, end_s, lambda from_s, to_s: _decode(container, stream, from_s, to_s))


AUDIO_READERS: dict[str, Callable[[Path], AbstractContextManager[Track]]] = {
    "soundfile": open_soundfile,
    "pyav": open_pyav,
}


def read_start(path: Path, seconds: float, rate: int) -> tuple[NDArray[np.float32], int]:
    """(S,) mono samples of the first `seconds`, and their rate in Hz.

    The rate is the file's own if libsndfile reads it, else `rate`. Raises `BadMedia` "unreadable".
    """
    try:
        with soundfile.SoundFile(str(path)) as file:
            samples = file.read(int(seconds * file.samplerate), dtype="float32", always_2d=True)
            return samples.mean(axis=1), file.samplerate
    except soundfile.LibsndfileError:
        pass
    wanted = int(seconds * rate)
    chunks: list[NDArray[np.float32]] = []
    with _open_first_track(path) as (container, _):
        for chunk in _decode_mono(container, rate):
            chunks.append(chunk)
            if sum(map(len, chunks)) >= wanted:
                break
    return np.concatenate([*chunks, np.empty(0, np.float32)])[:wanted], rate


def read_rms(path: Path) -> tuple[NDArray[np.float64], int]:
    """(F,) RMS per 10 ms frame of the whole file as mono, and the sample rate in Hz. F is 0 without samples.

    Raises `BadMedia` "unreadable".
    """
    try:
        with soundfile.SoundFile(str(path)) as file:
            rate = int(file.samplerate)
            # Not int16: libsndfile would read the samples of a float file as 0 and 1.
            blocks = file.blocks(blocksize=FRAMES_PER_BLOCK * get_frame_length(rate), dtype="float32", always_2d=True)
            return _concatenate([compute_rms(block.mean(axis=1), rate) for block in blocks if len(block)]), rate
    except soundfile.LibsndfileError:
        pass
    with _open_first_track(path) as (container, rate):
        size = FRAMES_PER_BLOCK * get_frame_length(rate)
        return _concatenate(
            [compute_rms(block, rate) for block in _to_blocks(_decode_mono(container, rate), size)]
        ), rate


@contextmanager
def _open_first_track(path: Path) -> Iterator[tuple[InputContainer, int]]:
    """The container and the rate of its first audio track; what FFmpeg raises becomes `BadMedia`.

    Without the folder in the message: what is stored is the same on every machine.
    """
    try:
        with open_container(path) as container:
            if not container.streams.audio:
                raise BadMedia(path, "unreadable", "it contains no audio")
            yield container, int(container.streams.audio[0].rate)
    except DECODING_ERRORS as error:
        problem = str(error).replace(str(path), path.name)
        raise BadMedia(path, "unreadable", f"FFmpeg cannot read it ({problem})") from error


def _decode_mono(container: InputContainer, rate: int) -> Iterator[NDArray[np.float32]]:
    """(S,) each, of the first audio track."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    for frame in container.decode(audio=0):
        for chunk in resampler.resample(frame):
            yield chunk.to_ndarray()[0]


def _to_blocks(chunks: Iterator[NDArray[np.float32]], size: int) -> Iterator[NDArray[np.float32]]:
    """The same samples in blocks of `size`, the last one shorter."""
    waiting: list[NDArray[np.float32]] = []
    for chunk in chunks:
        waiting.append(chunk)
        if sum(map(len, waiting)) >= size:
            whole = np.concatenate(waiting)
            full = len(whole) // size * size
            yield from np.split(whole[:full], full // size)
            waiting = [whole[full:]]
    rest = np.concatenate([*waiting, np.empty(0, np.float32)])
    if len(rest):
        yield rest


def _concatenate(blocks: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate(blocks) if blocks else np.zeros(0)


def _measure_extent(container: InputContainer, stream: AudioStream) -> tuple[float, float]:
    """Clock times of the track's beginning and end; from its packets if the header lacks them."""
    tick, zero = float(stream.time_base or 0), float(get_clock_zero(container))
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


def _decode(container: InputContainer, stream: AudioStream, from_s: float, to_s: float) -> Waveform:
    tick, zero = float(stream.time_base or 0), float(get_clock_zero(container))
    first = stream.start_time or 0
    near = int((from_s - RUN_UP_S + zero) / tick) if container.format.name in EXACT_SEEK else first
    container.seek(max(near, first), stream=stream, backward=True)
    chunks: list[NDArray[np.float32]] = []
    begin_s, rate, length = from_s, 0, 0
    for frame in container.decode(stream):
        at = (frame.pts or 0) * tick - zero
        if at >= to_s:
            break
        if at + frame.samples / frame.sample_rate <= from_s:
            continue
        if not rate:
            begin_s, rate = at, frame.sample_rate
        chunk = _close_gap(_split_channels(frame), round((at - begin_s) * rate) - length, round(JITTER_S * rate))
        chunks.append(chunk)
        length += chunk.shape[1]
    return Waveform(begin_s, rate, _join_channels(chunks))


def _join_channels(chunks: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """One (C, A) array; mono if the number of channels changes within the track, as it does in broadcasts."""
    if len({len(chunk) for chunk in chunks}) > 1:
        chunks = [chunk.mean(axis=0, keepdims=True) for chunk in chunks]
    return np.concatenate(chunks, axis=1) if chunks else np.zeros((1, 0), np.float32)


def _close_gap(samples: NDArray[np.float32], gap: int, jitter: int) -> NDArray[np.float32]:
    """`samples` (C, A) that begin `gap` samples after the previous ones: pad a gap, cut an overlap."""
    if abs(gap) <= jitter:
        return samples
    return np.pad(samples, ((0, 0), (gap, 0))) if gap > 0 else samples[:, -gap:]


def _split_channels(frame: av.AudioFrame) -> NDArray[np.float32]:
    """(C, A), full scale 1."""
    values = frame.to_ndarray()
    channels = values if frame.format.is_planar else values.reshape(-1, len(frame.layout.channels)).T
    if values.dtype == np.uint8:
        return np.asarray((channels.astype(np.float32) - 128) / 128, np.float32)
    full = 1.0 if values.dtype.kind == "f" else 2.0 ** (8 * values.dtype.itemsize - 1)
    return np.asarray(channels / full, np.float32)
