"""Presentation time of each frame of a video, from its packets: exact for variable frame rates and for every reader.

The clock is 0 where the container's first track begins, and audio and video share it. decord's own times are not used:
they move every first frame to 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from unmask.core.errors import BadMedia
from unmask.media.containers import DECODING_ERRORS, open_container

# Duration of a single frame if the file has no frame rate.
SINGLE_FRAME_S = 0.04

# A file with less than this fraction of the frames in its index is truncated.
MIN_PRESENT = 0.9

REMEDY = "Copy it from its source again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The video track of one file."""

    times: NDArray[np.float64]
    """(N,) start of each frame in seconds, in display order."""
    end_s: float
    """End of the last frame in seconds."""
    pts: NDArray[np.int64]
    """(N,) the same times in ticks of the container."""
    keyframes: NDArray[np.int64]
    """(M,) ticks of the frames from which decoding can start."""
    width: int
    height: int
    """Pixels of a frame after rotation."""
    quarter_turns: int
    """Counter-clockwise quarter turns that make a decoded frame upright, from the rotation metadata."""
    bits: int
    """Bits per sample: 8 for nearly all videos, 10 or 12 for high dynamic range."""

    @property
    def start_s(self) -> float:
        return float(self.times[0])


def read_timeline(path: Path, *, max_pixels: int, max_seconds: float) -> Timeline:
    """Raises `BadMedia`: "refused" over the limits, "unreadable" if no frame decodes or the file is truncated."""
    try:
        with open_container(path) as container:
            if not container.streams.video:
                raise BadMedia(path, "unreadable", "no video track in it", "Is it an audio recording?")
            if container.streams.video[0].codec_context is None:
                raise BadMedia(path, "unreadable", "no decoder for its video track", "Convert it to H.264")
            return _build_timeline(path, container, container.streams.video[0], max_pixels, max_seconds)
    except DECODING_ERRORS as error:
        raise BadMedia(path, "unreadable", f"not a readable video ({error})", REMEDY) from error


def get_clock_zero(container: InputContainer) -> Fraction:
    """The container's time, in seconds, that is 0 on the clock."""
    return Fraction(container.start_time or 0, av.time_base)


def _build_timeline(
    path: Path, container: InputContainer, stream: VideoStream, max_pixels: int, max_seconds: float
) -> Timeline:
    context = stream.codec_context
    if context.width * context.height > max_pixels:
        problem = f"{context.width} x {context.height} pixels, over the limit of {max_pixels}"
        raise BadMedia(path, "refused", problem, "Reduce the video or raise preprocess.max_pixels")
    # In an MP4 the frame count of the header excludes frames that an edit list hides; the index has all of them.
    expected = len(stream.index_entries) if "mp4" in container.format.name else stream.frames
    pts, keyframes, length, first, present = _read_packets(container, stream)
    if first is None:
        raise BadMedia(path, "unreadable", "no frame in it can be decoded", REMEDY)
    if present < MIN_PRESENT * expected:
        raise BadMedia(path, "unreadable", f"truncated: it holds {present} of {expected} frames", REMEDY)
    tick, zero = float(stream.time_base or 0), float(get_clock_zero(container))
    times: NDArray[np.float64] = np.asarray(pts * tick - zero, np.float64)
    end_s = float(times[-1]) + (length * tick or _estimate_step(times, stream))
    if end_s - times[0] > max_seconds:
        problem = f"{end_s - times[0]:.0f} s long, over the limit of {max_seconds:g} s"
        raise BadMedia(path, "refused", problem, "Cut it or raise preprocess.max_seconds")
    turns = round(first.rotation / 90) % 4
    width, height = (first.height, first.width) if turns % 2 else (first.width, first.height)
    return Timeline(
        times=times,
        end_s=end_s,
        pts=pts,
        keyframes=keyframes,
        width=width,
        height=height,
        quarter_turns=turns,
        bits=max(component.bits for component in first.format.components),
    )


def _read_packets(
    container: InputContainer, stream: VideoStream
) -> tuple[NDArray[np.int64], NDArray[np.int64], int, av.VideoFrame | None, int]:
    """(ticks of all frames, ticks of the key frames, ticks of the last frame's duration, first frame that decodes,
    number of frames including those that an edit list hides)
    """
    ticks: dict[int, int] = {}
    present = 0
    keyframes: list[int] = []
    first: av.VideoFrame | None = None
    stream.codec_context.thread_count = 1
    for packet in container.demux(stream):
        if first is None:
            first = next(iter(packet.decode()), None)
        at = packet.pts if packet.pts is not None else packet.dts
        if at is None or packet.size == 0:
            continue
        present += 1
        if packet.is_discard:
            continue
        ticks[at] = packet.duration or 0
        if packet.is_keyframe:
            keyframes.append(at)
    pts = np.array(sorted(ticks), np.int64)
    return pts, np.array(sorted(keyframes), np.int64), ticks[int(pts[-1])] if len(pts) else 0, first, present


def _estimate_step(times: NDArray[np.float64], stream: VideoStream) -> float:
    """Seconds per frame."""
    if len(times) > 1:
        return float(np.median(np.diff(times)))
    return float(1 / stream.average_rate) if stream.average_rate else SINGLE_FRAME_S
