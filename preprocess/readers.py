"""The libraries that decode frames.

Each gives the frames at ascending positions of a timeline, upright, one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import decord
import numpy as np
from numpy.typing import NDArray

from preprocess.timeline import Timeline, opened

Frame = NDArray[np.uint8]
"""(H, W, 3) RGB"""
Reader = Callable[[Path, Timeline, NDArray[np.int64]], Iterator[Frame]]

FRAMES_PER_BATCH = 8

# decord repeats a neighbour for a frame it cannot decode; one such frame is enough to ask the next reader.
MOST_REPEATED_FRAMES = 0.001


class ReaderFailed(Exception):
    """This library cannot read the file; another may."""


def decord_frames(path: Path, timeline: Timeline, positions: NDArray[np.int64]) -> Iterator[Frame]:
    try:
        reader = decord.VideoReader(str(path), num_threads=1, fault_tol=MOST_REPEATED_FRAMES)
        if len(reader) != len(timeline.times):
            raise ReaderFailed(f"decord counts {len(reader)} frames, the packets {len(timeline.times)}")
        for start in range(0, len(positions), FRAMES_PER_BATCH):
            yield from reader.get_batch(positions[start : start + FRAMES_PER_BATCH].tolist()).asnumpy()
    except (decord.DECORDError, RuntimeError, AssertionError, IndexError, ValueError) as error:
        raise ReaderFailed(f"decord: {str(error).strip().splitlines()[-1:]}") from error


def pyav_frames(path: Path, timeline: Timeline, positions: NDArray[np.int64]) -> Iterator[Frame]:
    try:
        with opened(path) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            frames, at = container.decode(stream), -1
            for wanted in timeline.pts[positions].tolist():
                key = _keyframe_before(timeline, wanted)
                if key > at >= 0:
                    container.seek(key, stream=stream, backward=True)
                    frames = container.decode(stream)
                frame = _next_from(frames, wanted)
                at = wanted
                yield _upright(frame, timeline)
    except av.FFmpegError as error:
        raise ReaderFailed(f"pyav: {error}") from error


PICTURE_READERS: dict[str, Reader] = {"decord": decord_frames, "pyav": pyav_frames}


def readers_for(timeline: Timeline) -> list[str]:
    """Readers in the order to try them: only those that show the file alike, so that pixels don't depend on the reader.

    decord turns frames upright in MP4 and MOV but not in Matroska, and smooths the colours of more than 8 bits its own
    way; of plain videos both give the same pixels.
    """
    return ["pyav"] if timeline.quarter_turns or timeline.bits > 8 else list(PICTURE_READERS)


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
