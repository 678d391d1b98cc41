"""The libraries that decode frames.

Each gives the frames at ascending positions of a timeline, upright, one after another.
"""

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

from unmask.media.containers import opened
from unmask.media.timeline import Timeline

Frame = NDArray[np.uint8]
"""(H, W, 3) RGB"""
Reader = Callable[[Path, Timeline, NDArray[np.int64]], Iterator[Frame]]

FRAMES_PER_BATCH = 8

# decord repeats a neighbour for a frame it cannot decode; one such frame is enough to ask the next reader.
MOST_REPEATED_FRAMES = 0.001


class ReaderFailed(Exception):
    """This library cannot read the file; another may."""


def pyav_frames(path: Path, timeline: Timeline, positions: NDArray[np.int64]) -> Iterator[Frame]:
    """Of H.264, frames that no other frame is made from are decoded only where they are asked for: nearly half of the
    work. Where a frame does not come that way, what is left is decoded in full.
    """
    wanted: list[int] = timeline.pts[positions].tolist()
    done = 0
    for frame in _sparse(path, timeline, wanted):
        yield _upright(frame, timeline)
        done += 1
    if done == len(wanted):
        return
    try:
        for frame in _in_full(path, timeline, wanted[done:]):
            yield _upright(frame, timeline)
    except av.FFmpegError as error:
        raise ReaderFailed(f"pyav: {error}") from error


def decord_frames(path: Path, timeline: Timeline, positions: NDArray[np.int64]) -> Iterator[Frame]:
    try:
        reader = decord.VideoReader(str(path), num_threads=1, fault_tol=MOST_REPEATED_FRAMES)
        if len(reader) != len(timeline.times):
            raise ReaderFailed(f"decord counts {len(reader)} frames, the packets {len(timeline.times)}")
        for start in range(0, len(positions), FRAMES_PER_BATCH):
            yield from reader.get_batch(positions[start : start + FRAMES_PER_BATCH].tolist()).asnumpy()
    except (decord.DECORDError, RuntimeError, AssertionError, IndexError, ValueError) as error:
        raise ReaderFailed(f"decord: {str(error).strip().splitlines()[-1:]}") from error


PICTURE_READERS: dict[str, Reader] = {"pyav": pyav_frames, "decord": decord_frames}


def readers_for(timeline: Timeline) -> list[str]:
    """Readers in the order to try them: only those that show the file alike, so that pixels don't depend on the reader.

    decord turns frames upright in MP4 and MOV but not in Matroska, and smooths the colours of more than 8 bits its own
    way; of plain videos both give the same pixels.
    """
    return ["pyav"] if timeline.quarter_turns or timeline.bits > 8 else list(PICTURE_READERS)


def _sparse(path: Path, timeline: Timeline, wanted: Sequence[int]) -> Iterator[av.VideoFrame]:
    """The frames at the ticks `wanted`, up to the first that does not come."""
    try:
        with opened(path) as container:
            stream = container.streams.video[0]
            # Other codecs have no such mark, or one that speaks for a part of the frames only (H.265's sub-layers).
            if stream.codec_context.name != "h264":
                return
            stream.codec_context.thread_count = 1
            first = timeline.keyframes.min(initial=np.iinfo(np.int64).max)
            for key, group in groupby(wanted, lambda tick: _keyframe_before(timeline, tick)):
                if key > first:
                    container.seek(key, stream=stream, backward=True)
                ticks = list(group)
                frames = _marked(container, stream, frozenset(ticks))
                for tick in ticks:
                    frame = next(frames, None)
                    if frame is None or frame.pts != tick:
                        return
                    yield frame
    except av.FFmpegError:
        return  # decoding in full tells what is wrong


def _marked(container: InputContainer, stream: VideoStream, ticks: frozenset[int]) -> Iterator[av.VideoFrame]:
    """From where the container stands, the frames at `ticks` in display order."""
    for packet in container.demux(stream):
        if packet.pts is None and packet.size:
            return  # ticks are those of decoding then, and name no frame
        stream.codec_context.skip_frame = "DEFAULT" if packet.pts in ticks else "NONREF"
        yield from (frame for frame in packet.decode() if frame.pts in ticks)


def _in_full(path: Path, timeline: Timeline, wanted: Sequence[int]) -> Iterator[av.VideoFrame]:
    """The frames shown from the ticks `wanted` on, every frame between them decoded."""
    with opened(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        frames, at = container.decode(stream), -1
        for tick in wanted:
            key = _keyframe_before(timeline, tick)
            if key > at >= 0:
                container.seek(key, stream=stream, backward=True)
                frames = container.decode(stream)
            yield _next_from(frames, tick)
            at = tick


def _keyframe_before(timeline: Timeline, tick: int) -> int:
    before = int(np.searchsorted(timeline.keyframes, tick, side="right")) - 1
    return int(timeline.keyframes[before]) if before >= 0 else -1


def _next_from(frames: Iterator[av.VideoFrame], tick: int) -> av.VideoFrame:
    for frame in frames:
        at = frame.pts if frame.pts is not None else frame.dts
        if at is not None and at >= tick:
            return frame
    raise ReaderFailed(f"pyav: the video ends before tick {tick}")


def _upright(frame: av.VideoFrame, timeline: Timeline) -> Frame:
    turned = timeline.quarter_turns % 2
    width, height = (timeline.height, timeline.width) if turned else (timeline.width, timeline.height)
    pixels = frame.to_ndarray(format="rgb24", width=width, height=height, threads=1)
    return np.ascontiguousarray(np.rot90(pixels, timeline.quarter_turns))
