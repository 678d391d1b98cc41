"""Video decoding. Each reader yields the upright frames at ascending positions of a timeline, or says why it cannot.

No frame is taken on trust: it has the tick that was asked for, or it is looked for again from an earlier point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import av
import decord
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from unmask.core.files.regular_files import open_regular
from unmask.media.containers import decode_packet, find_video, open_container
from unmask.media.luma import Luma, convert_to_gray, take_plane
from unmask.media.timeline import Timeline

Frame = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB"""
Decoder = Callable[[Path, Timeline, NDArray[np.int64]], "Iterator[Decoded]"]

FRAMES_PER_BATCH = 8

# decord repeats a neighbor in place of a frame that it cannot decode; one such frame is enough to try the next reader.
MOST_REPEATED_FRAMES = 0.001

# Bytes of a file that decord reads from memory.
MOST_HELD = 1 << 29

# Before every tick.
START = int(np.iinfo(np.int64).min)


class ReaderFailed(Exception):
    """This library cannot read the file; the next one may."""


class FramesMissing(Exception):
    """The timeline has ticks that do not decode: read it again with `decode_all`."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One decoded frame, converted only to what is asked for."""

    frame: av.VideoFrame | Frame
    timeline: Timeline

    def rgb(self) -> Frame:
        """As it is shown."""
        return self.frame if isinstance(self.frame, np.ndarray) else _make_upright(self.frame, self.timeline)

    def luma(self) -> Luma:
        """As it is shown. It may lie in the decoder's memory and holds the whole frame then: copy what is kept."""
        if not isinstance(self.frame, np.ndarray):
            plane, orientation = take_plane(self.frame, *_get_stored_size(self.timeline)), self.timeline.orientation
            if plane is not None:
                return plane if orientation.is_upright else replace(plane, pixels=orientation.apply(plane.pixels))
        return convert_to_gray(self.rgb())


def decode_with_pyav(path: Path, timeline: Timeline, positions: NDArray[np.int64]) -> Iterator[Decoded]:
    """Frames at `positions` (F,) of the timeline. Raises `ReaderFailed` or `FramesMissing`.

    In H.264, non-reference frames are decoded only if requested, which saves nearly half of the work. If a frame fails
    to arrive that way, the rest is decoded in full, at last from the start of the file.
    """
    done = 0
    try:
        for frames in _list_ways(path, timeline, positions):
            for frame in frames(done):
                yield Decoded(frame, timeline)
                done += 1
            if done == len(positions):
                return
    except av.FFmpegError as error:
        raise ReaderFailed(f"pyav: {error}") from error
    raise FramesMissing(f"frame {positions[done]} does not decode")


def decode_with_decord(path: Path, timeline: Timeline, positions: NDArray[np.int64]) -> Iterator[Decoded]:
    """Frames at `positions` (F,) of the timeline. Raises `ReaderFailed`."""
    try:
        reader = _open_with_decord(path)
        if len(reader) != len(timeline.times):
            raise ReaderFailed(f"decord counts {len(reader)} frames, the packets {len(timeline.times)}")
        reader.get_batch([0])  # see `_decode_first_packet`
        for start in range(0, len(positions), FRAMES_PER_BATCH):
            batch = reader.get_batch(positions[start : start + FRAMES_PER_BATCH].tolist()).asnumpy()
            yield from (Decoded(frame, timeline) for frame in batch)
    except (decord.DECORDError, RuntimeError, AssertionError, IndexError, ValueError) as error:
        raise ReaderFailed(f"decord: {str(error).strip().splitlines()[-1:]}") from error


def _open_with_decord(path: Path) -> Any:
    """From memory, if it fits: decord repeats frames where a read fails, and tells nobody."""
    if path.stat().st_size > MOST_HELD:
        return decord.VideoReader(str(path), num_threads=1, fault_tol=MOST_REPEATED_FRAMES)
    with open_regular(path) as file:
        return decord.VideoReader(file, num_threads=1, fault_tol=MOST_REPEATED_FRAMES)


DECODERS: dict[str, Decoder] = {"pyav": decode_with_pyav, "decord": decode_with_decord}


def select_readers(timeline: Timeline) -> list[str]:
    """Readers that give identical pixels for this file, in the order to try them.

    decord rotates frames in MP4 and MOV but not in Matroska, never mirrors or scales them, converts more than 8 bits
    its own way and does not check where a seek leads; for plain videos both give the same pixels.
    """
    return list(DECODERS) if timeline.is_plain else ["pyav"]


def _list_ways(
    path: Path, timeline: Timeline, positions: NDArray[np.int64]
) -> Iterator[Callable[[int], Iterator[av.VideoFrame]]]:
    """Ways to decode the frames of `positions[done:]`, from the fastest to the surest.

    Each ends before the first frame that fails to arrive.
    """
    if timeline.numbers is not None:
        numbers = timeline.numbers[positions].tolist()
        yield lambda done: _decode_counted(path, numbers[done:])
        return
    ticks = timeline.pts[positions].tolist()
    yield lambda done: _decode(path, timeline, ticks[done:], sparsely=True)
    yield lambda done: _decode(path, timeline, ticks[done:])
    yield lambda done: _decode(path, timeline, ticks[done:], from_key=False)


def _decode_counted(path: Path, numbers: Sequence[int]) -> Iterator[av.VideoFrame]:
    with _open_film(path) as (container, stream):
        frames = enumerate(_decode_packets(container.demux(stream), stream))
        for wanted in numbers:
            frame = next((frame for number, frame in frames if number == wanted), None)
            if frame is None:
                return
            yield frame


def _decode(
    path: Path, timeline: Timeline, ticks: Sequence[int], *, sparsely: bool = False, from_key: bool = True
) -> Iterator[av.VideoFrame]:
    with _open_film(path) as (container, stream):
        # Other codecs do not mark non-reference frames, or mark only some of them (sub-layers of H.265).
        if sparsely and not (stream.codec_context.name == "h264" or stream.codec_context.codec.intra_only):
            return
        only = frozenset(ticks) if sparsely else None
        frames = _decode_packets(container.demux(stream), stream, only)
        at = last = START
        was_moved = False
        for tick in ticks:
            key = _find_keyframe(timeline, tick) if from_key else START
            if key > at:
                if not was_moved and at == START:
                    _decode_first_packet(container, stream)
                frames = _decode_packets(_seek(container, stream, timeline, key), stream, only)
                last, was_moved = START, True
            frame = _advance_to(frames, tick, last)
            if frame is None or (was_moved and frame.is_corrupt):
                return
            yield frame
            at = last = tick


@contextmanager
def _open_film(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    with open_container(path) as container:
        stream = find_video(container)
        if stream is None:
            raise ReaderFailed("pyav: no video track in it")
        stream.codec_context.thread_count = 1
        yield container, stream


def _decode_packets(
    packets: Iterable[Packet[VideoStream]], stream: VideoStream, only: frozenset[int] | None = None
) -> Iterator[av.VideoFrame]:
    """All frames in display order, or those at the ticks `only`, for which as little as possible is decoded."""
    needs_others = not stream.codec_context.codec.intra_only
    for packet in packets:
        if only is None:
            yield from decode_packet(packet)
        elif needs_others or packet.pts in only or not packet.size:
            stream.codec_context.skip_frame = "DEFAULT" if packet.pts in only else "NONREF"
            yield from (frame for frame in decode_packet(packet) if frame.pts in only)


def _decode_first_packet(container: InputContainer, stream: VideoStream) -> None:
    """Let the decoder see the beginning of the stream: only there may be what it needs to know about all of it."""
    for packet in container.demux(stream):
        decode_packet(packet)
        return


def _seek(
    container: InputContainer, stream: VideoStream, timeline: Timeline, key: int
) -> Iterator[Packet[VideoStream]]:
    """The packets from the key frame at tick `key` or from one before it; none if the container leads elsewhere."""
    container.seek(key, stream=stream, backward=True)
    packets = container.demux(stream)
    first = next(packets)
    is_before = first.pts is not None and first.pts <= key and first.pts in timeline.keyframes
    return chain([first], packets) if is_before else iter(())


def _find_keyframe(timeline: Timeline, tick: int) -> int:
    """Tick of the last key frame up to `tick`, or START if it is the first one."""
    before = int(np.searchsorted(timeline.keyframes, tick, side="right")) - 1
    return int(timeline.keyframes[before]) if before > 0 else START


def _advance_to(frames: Iterator[av.VideoFrame], tick: int, last: int) -> av.VideoFrame | None:
    """The frame at `tick`; None if there is none, or if the frames after `last` are not in order."""
    for frame in frames:
        if frame.pts is None or frame.pts <= last or frame.pts > tick:
            return None
        if frame.pts == tick:
            return frame
        last = frame.pts
    return None


def _make_upright(frame: av.VideoFrame, timeline: Timeline) -> Frame:
    width, height = _get_stored_size(timeline)
    pixels = frame.to_ndarray(format="rgb24", width=width, height=height, threads=1)
    return timeline.orientation.apply(np.asarray(pixels, np.uint8))


def _get_stored_size(timeline: Timeline) -> tuple[int, int]:
    """Width and height before the orientation is applied."""
    size = timeline.width, timeline.height
    return (size[1], size[0]) if timeline.orientation.swaps_axes else size
