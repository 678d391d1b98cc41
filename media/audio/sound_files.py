"""Sound files that FFmpeg reads, MP3 above all: every sample in its order, whatever times the packets carry.

Length and times come from counting. Headers guess, and clocks jump where files were joined.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import av
import numpy as np
import soxr
from av.container import InputContainer

from unmask.media.audio.frames import decode_frames, get_audio_stream, get_header_seconds, to_waveform
from unmask.media.audio.joined_streams import find_streams, read_span
from unmask.media.audio.resampling import QUALITY
from unmask.media.audio.waveform import NoAudio, Track, Waveform, join_sections
from unmask.media.containers import COUNTED, open_container

# Samples of all channels that are kept in memory, 128 MiB. Longer files are decoded again for each pass over them.
KEPT_SAMPLES = 1 << 25
# Raw formats whose packets do not say how long they are, or say it at the rate of the first.
UNTIMED = ("flac", "aac")
# Encoders fill their last packets: what exceeds the header's length by less is padding.
PADDING_S = 0.2


@contextmanager
def open_sound(path: Path) -> Iterator[Track]:
    """Raises one of `DECODING_ERRORS` or `NoAudio`."""
    sound = _Sound(path)
    yield Track(start_s=0.0, end_s=sound.length / sound.rate, rate=sound.rate, read=sound.read)


def measure_sound(path: Path) -> float:
    """Seconds of a sound file; rarely decodes anything. Raises one of `DECODING_ERRORS` or `NoAudio`."""
    seconds = 0.0
    for container in _open_streams(path):
        stream = get_audio_stream(container)
        header_s = get_header_seconds(stream)
        if container.format.name in COUNTED and header_s:
            seconds += header_s
            continue
        if container.format.name in UNTIMED:
            seconds += sum(block.end_s - block.begin_s for block in _decode_sound(container))
            continue
        ticks = sum(packet.duration or 0 for packet in container.demux(stream) if packet.size)
        # What an encoder put in front, which decoding drops; in other formats the start is a point on a clock.
        ticks -= (stream.start_time or 0) if container.format.name == "mp3" else 0
        counted_s = ticks * float(stream.time_base or 0)
        # A header that counts knows how much of the last packets is padding; one that guesses may be anything.
        seconds += header_s if header_s and 0 <= counted_s - header_s < PADDING_S else counted_s
    return seconds


class _Sound:
    """Samples of a sound file by their number. Decodes forwards, and from the beginning to go back."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rate = 0
        self.length = 0
        kept: list[Waveform] | None = []
        for block in self._decode():
            self.length += block.channels.shape[1]
            if kept is not None and self.length * len(block.channels) <= KEPT_SAMPLES:
                kept.append(block)
            else:
                kept = None
        if not self.length:
            raise NoAudio
        self._is_whole = kept is not None
        self._blocks: Iterator[Waveform] = iter(())
        self._recent = [join_sections(kept, 0.0, self.rate)] if kept is not None else []

    def read(self, from_s: float, to_s: float) -> Waveform:
        first = min(max(0, round(from_s * self.rate)), self.length)
        last = min(max(first, round(to_s * self.rate)), self.length)
        if not self._is_whole:
            self._advance(first, last)
        sections = [_cut(block, first, last) for block in self._recent]
        return join_sections([one for one in sections if one.channels.size], first / self.rate, self.rate)

    def _advance(self, first: int, last: int) -> None:
        """Keep the blocks that contain the samples `first` to `last`."""
        if not self._recent or first < _get_begin(self._recent[0]):
            self._blocks, self._recent = self._decode(), []
        while not self._recent or _get_end(self._recent[-1]) < last:
            block = next(self._blocks, None)
            if block is None:
                break
            if _get_end(block) > first or not self._recent:
                self._recent = [*(one for one in self._recent if _get_end(one) > first), block]

    def _decode(self) -> Iterator[Waveform]:
        """The whole file in blocks, at the rate of the first."""
        position = 0
        for container in _open_streams(self._path):
            for block in _unify_rate(_decode_sound(container), self.rate):
                self.rate = self.rate or block.rate
                yield Waveform(position / self.rate, self.rate, block.channels, block.layout)
                position += block.channels.shape[1]


def _open_streams(path: Path) -> Iterator[InputContainer]:
    """A container per stream of the file, see `find_streams`. Of several, those without audio are left out."""
    spans = find_streams(path)
    for span in spans:
        try:
            with open_container(path if len(spans) == 1 else io.BytesIO(read_span(path, span))) as container:
                yield container
        except (av.InvalidDataError, NoAudio):
            if len(spans) == 1:
                raise


def _decode_sound(container: InputContainer) -> Iterator[Waveform]:
    """Each frame of the track, without the padding at its end. Its times count the samples before it."""
    stream = get_audio_stream(container)
    limit_s = get_header_seconds(stream) if container.format.name in COUNTED else None
    end_s, beyond = 0.0, []
    for frame in decode_frames(container, stream):
        block = to_waveform(frame, end_s)
        end_s = block.end_s
        if limit_s is None or end_s <= limit_s:
            yield block
            continue
        beyond.append(block)
        if end_s - limit_s >= PADDING_S:  # the header is wrong
            yield from beyond
            limit_s, beyond = None, []
    for block in beyond:
        yield _cut(block, 0, round((limit_s or 0.0) * block.rate))


def _unify_rate(blocks: Iterable[Waveform], rate: int) -> Iterator[Waveform]:
    """The blocks at `rate`, or at that of the first if 0; a change within the file is resampled away."""
    for (own, channels), run in groupby(blocks, key=lambda block: (block.rate, len(block.channels))):
        rate = rate or own
        if own == rate:
            yield from run
            continue
        stream = soxr.ResampleStream(own, rate, channels, dtype="float32", quality=QUALITY)
        layout: tuple[str, ...] = ()
        for block in run:
            layout = block.layout
            samples = stream.resample_chunk(np.ascontiguousarray(block.channels.T))
            yield Waveform(block.begin_s, rate, samples.reshape(-1, channels).T, layout)
        rest = stream.resample_chunk(np.zeros((0, channels), np.float32), last=True)
        yield Waveform(0.0, rate, rest.reshape(-1, channels).T, layout)


def _get_begin(block: Waveform) -> int:
    return round(block.begin_s * block.rate)


def _get_end(block: Waveform) -> int:
    return _get_begin(block) + int(block.channels.shape[1])


def _cut(block: Waveform, first: int, last: int) -> Waveform:
    begin = _get_begin(block)
    channels = block.channels[:, max(0, first - begin) : max(0, last - begin)]
    return Waveform(max(first, begin) / block.rate, block.rate, channels, block.layout)
