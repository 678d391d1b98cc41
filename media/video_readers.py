"""Video decoding. Each reader yields the upright frames at ascending positions of a timeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import av
import decord
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from unmask.media.containers import open_container
from unmask.media.timeline import Timeline

Frame = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB"""
Reader = Callable[[Path, Timeline, NDArray[np.int64]], Iterator[Frame]]

FRAMES_PER_BATCH = 8

# decord repeats a neighbor in place of a frame that it cannot decode; one such frame is enough to try the next reader.
MOST_REPEATED_FRAMES = 0.001


class ReaderFailed(Exception):
    """This library cannot read the file; the next one may."""


def read_with_pyav(path: Path, timeline: Timeline, positions: NDArray[np.int64]) -> Iterator[Frame]:
    """Frames at `positions` (F,) of the timeline. Raises `ReaderFailed`.

    In H.264, non-reference frames are decoded only if requested, which saves nearly half of the work. If a frame fails
    to arrive that way, the rest is decoded in full.
    """
    wanted: list[int] = timeline.pts[positions].tolist()
    done = 0
    for frame in _decode_sparsely(path, timeline, wanted):
        yield _rotate_upright(frame, timeline)
        done += 1
    if done == len(wanted):
        return
    try:
        for frame in _decode_in_full(path, timeline, wanted[done:]):
            yield _rotate_upright(frame, timeline)
    except av.FFmpegError as error:
        raise ReaderFailed(f"pyav: {error}") from error


def read_with_decord(path: Path, timeline: Timeline, positions: NDArray[np.int64]) -> Iterator[Frame]:
    """Frames at `positions` (F,) of the timeline. Raises `ReaderFailed`."""
    try:
        reader = decord.VideoReader(str(path), num_threads=1, fault_tol=MOST_REPEATED_FRAMES)
        if len(reader) != len(timeline.times):
            raise ReaderFailed(f"decord counts {len(reader)} frames, the packets {len(timeline.times)}")
        for start in range(0, len(positions), FRAMES_PER_BATCH):
            yield from reader.get_batch(positions[start : start + FRAMES_PER_BATCH].tolist()).asnumpy()
    except (decord.DECORDError, RuntimeError, AssertionError, IndexError, ValueError) as error:
        raise ReaderFailed(f"decord: {str(error).strip().splitlines()[-1:]}") from error


VIDEO_READERS: dict[str, Reader] = {"pyav": read_with_pyav, "decord": read_with_decord}


def select_readers(timeline: Timeline) -> list[str]:
    """Readers that give identical pixels for this file, in the order to try them.

    decord rotates frames in MP4 and MOV but not in Matroska, and converts more than 8 bits its own way; for other
    videos both give the same pixels.
    """
    return ["pyav"] if timeline.quarter_turns or timeline.bits > 8 else list(VIDEO_READERS)


def _decode_sparsely(path: Path, timeline: Timeline, wanted: Sequence[int]) -> Iterator[av.VideoFrame]:
    """The frames at the ticks `wanted`, up to the first that fails to arrive."""
    try:
        with open_container(path) as container:
            stream = container.streams.video[0]
            # Other codecs do not mark non-reference frames, or mark only some of them (sub-layers of H.265).
            if stream.codec_context.name != "h264":
                return
            stream.codec_context.thread_count = 1
            first = timeline.keyframes.min(initial=np.iinfo(np.int64).max)
            for key, group in groupby(wanted, lambda tick: _find_keyframe(timeline, tick)):
                if key > first:
                    container.seek(key, stream=stream, backward=True)
                ticks = list(group)
                frames = _decode_requested(container, stream, frozenset(ticks))
                for tick in ticks:
                    frame = next(frames, None)
                    if frame is None or frame.pts != tick:
                        return
                    yield frame
    except av.FFmpegError:
        return  # full decoding reports the error


def _decode_requested(container: InputContainer, stream: VideoStream, ticks: frozenset[int]) -> Iterator[av.VideoFrame]:
    """The frames at `ticks` in display order, from the container's position on."""
    for packet in container.demux(stream):
        if packet.pts is None and packet.size:
            return  # without pts, ticks are in decoding order and identify no frame
        stream.codec_context.skip_frame = "DEFAULT" if packet.pts in ticks else "NONREF"
        yield from (frame for frame in packet.decode() if frame.pts in ticks)


def _decode_in_full(path: Path, timeline: Timeline, wanted: Sequence[int]) -> Iterator[av.VideoFrame]:
    """The frames at the ticks `wanted`, or the next one; all frames in between are decoded."""
    with open_container(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        frames, at = container.decode(stream), -1
        for tick in wanted:
            key = _find_keyframe(timeline, tick)
            if key > at >= 0:
                container.seek(key, stream=stream, backward=True)
                frames = container.decode(stream)
            yield _advance_to(frames, tick)
            at = tick


def _find_keyframe(timeline: Timeline, tick: int) -> int:
    """Tick of the last key frame up to `tick`, or -1."""
    before = int(np.searchsorted(timeline.keyframes, tick, side="right")) - 1
    return int(timeline.keyframes[before]) if before >= 0 else -1


def _advance_to(frames: Iterator[av.VideoFrame], tick: int) -> av.VideoFrame:
    for frame in frames:
        at = frame.pts if frame.pts is not None else frame.dts
        if at is not None and at >= tick:
            return frame
    raise ReaderFailed(f"pyav: the video ends before tick {tick}")


def _rotate_upright(frame: av.VideoFrame, timeline: Timeline) -> Frame:
    turned = timeline.quarter_turns % 2
    width, height = (timeline.height, timeline.width) if turned else (timeline.width, timeline.height)
    pixels = frame.to_ndarray(format="rgb24", width=width, height=height, threads=1)
    return np.ascontiguousarray(np.rot90(pixels, timeline.quarter_turns))
