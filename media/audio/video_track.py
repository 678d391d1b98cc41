"""The audio track of a video, on the clock of its frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from math import inf
from pathlib import Path

import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from unmask.media.audio.frames import decode_frames, get_audio_stream, get_header_seconds, to_waveform
from unmask.media.audio.resampling import resample
from unmask.media.audio.waveform import NoAudio, Track, Waveform, join_sections
from unmask.media.containers import COUNTED, LARGEST_GAP_S, SEEKABLE, is_broadcast, open_container
from unmask.media.timeline import get_clock_zero

# Lossy codecs need some packets before their output is right.
RUN_UP_S = 0.5
# Packets that begin within this time of the end of the previous one are joined seamlessly: containers round times.
JITTER_S = 0.05
# A clock that goes back by more starts anew: the file was joined from several.
RESTART_S = 1.0


@contextmanager
def open_video_audio(path: Path) -> Iterator[Track]:
    """The audio track of a video that a player would choose, on the clock of its frames.

    Raises one of `DECODING_ERRORS` or `NoAudio`.
    """
    with open_container(path) as container:
        stream = get_audio_stream(container)
        start_s, end_s = _measure_extent(container, stream)
        if end_s <= start_s:
            raise NoAudio
        yield Track(
            start_s=start_s,
            end_s=end_s,
            rate=int(stream.rate or 0),
            read=lambda from_s, to_s: _read_by_clock(container, stream, from_s, to_s),
        )


def _measure_extent(container: InputContainer, stream: AudioStream) -> tuple[float, float]:
    """Clock times of the track's beginning and end; from its packets if the header lacks them or guesses."""
    clock = _make_clock(container, stream)
    header_s = get_header_seconds(stream)
    if container.format.name in COUNTED and stream.start_time is not None and header_s:
        start_s = clock.place(stream.start_time, header_s)
        return start_s, start_s + header_s
    starts = [
        clock.place(packet.pts, (packet.duration or 0) * clock.tick)
        for packet in container.demux(stream)
        if packet.pts is not None and packet.size
    ]
    return (min(starts), clock.end_s or 0.0) if starts else (0.0, 0.0)


@dataclass
class _Clock:
    """Clock time of packets and frames. Where the clock was set, the next begins at the end of the last."""

    tick: float
    zero_s: float
    longest_gap_s: float
    end_s: float | None = None
    shift_s: float = 0.0

    def place(self, pts: int | None, seconds: float) -> float:
        """Begin of what has the time `pts` and lasts `seconds`; without a time it follows the one before."""
        at = (self.end_s or 0.0) if pts is None else pts * self.tick - self.zero_s + self.shift_s
        if self.end_s is not None and not -RESTART_S <= at - self.end_s <= self.longest_gap_s:
            self.shift_s += self.end_s - at
            at = self.end_s
        self.end_s = at + seconds if self.end_s is None else max(self.end_s, at + seconds)
        return at


def _make_clock(container: InputContainer, stream: AudioStream) -> _Clock:
    gap_s = LARGEST_GAP_S if is_broadcast(container) else inf
    return _Clock(float(stream.time_base or 0), float(get_clock_zero(container)), gap_s)


def _read_by_clock(container: InputContainer, stream: AudioStream, from_s: float, to_s: float) -> Waveform:
    clock = _make_clock(container, stream)
    first = stream.start_time or 0
    near = int((from_s - RUN_UP_S + clock.zero_s) / clock.tick) if container.format.name in SEEKABLE else first
    container.seek(max(near, first), stream=stream, backward=True)
    sections: list[Waveform] = []
    for frame in decode_frames(container, stream):
        at = clock.place(frame.pts, frame.samples / frame.sample_rate)
        if at >= to_s:
            break
        section = to_waveform(frame, at)
        if section.end_s > from_s:
            sections.append(section)
    if not sections:
        return Waveform(from_s, 0, np.zeros((1, 0), np.float32))
    rate = sections[0].rate
    runs = [_splice(list(run)) for _, run in groupby(sections, key=lambda one: one.rate)]
    return _splice([_change_rate(run, rate) for run in runs])


def _change_rate(waveform: Waveform, rate: int) -> Waveform:
    channels = resample(np.ascontiguousarray(waveform.channels.T), waveform.rate, rate).T
    return Waveform(waveform.begin_s, rate, channels, waveform.layout)


def _splice(sections: Sequence[Waveform]) -> Waveform:
    """Sections of one rate, each at its time: gaps between them are padded, overlaps are cut."""
    begin_s, rate, length = sections[0].begin_s, sections[0].rate, 0
    spliced = []
    for one in sections:
        gap = round((one.begin_s - begin_s) * rate) - length
        channels = _close_gap(one.channels, gap, round(JITTER_S * rate))
        spliced.append(Waveform(begin_s, rate, channels, one.layout))
        length += channels.shape[1]
    return join_sections(spliced, begin_s, rate)


def _close_gap(samples: NDArray[np.float32], gap: int, jitter: int) -> NDArray[np.float32]:
    """`samples` (C, A) that begin `gap` samples after the previous ones: pad a gap, cut an overlap."""
    if abs(gap) <= jitter:
        return samples
    return np.pad(samples, ((0, 0), (gap, 0))) if gap > 0 else samples[:, -gap:]
