"""When each frame of a video is shown: read from its packets, so exact for variable frame rates and for every reader.

The clock is 0 where the container's first track begins, so picture and sound share it. decord's own times are not
used: they move every first frame to 0.
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
from unmask.media.containers import opened

# The length of a lone frame whose file does not tell.
LONE_FRAME_S = 0.04

# A file that holds less than this share of the frames its index promises was cut off.
WHOLE = 0.9

REMEDY = "Copy it from its source again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The picture track of one file."""

    times: NDArray[np.float64]
    """(N,) seconds at which each frame begins, in display order."""
    end_s: float
    """Seconds at which the last frame ends."""
    pts: NDArray[np.int64]
    """(N,) the same moments in the container's own ticks."""
    keyframes: NDArray[np.int64]
    """Ticks of the frames from which decoding can start."""
    width: int
    height: int
    """Pixels of a frame as shown, after rotation."""
    quarter_turns: int
    """Counter-clockwise, from the rotation metadata: what turns a decoded frame upright."""
    bits: int
    """Of a sample: 8 for nearly all videos, 10 or 12 for recordings in high dynamic range."""

    @property
    def start_s(self) -> float:
        return float(self.times[0])


def read_timeline(path: Path, *, max_pixels: int, max_seconds: float) -> Timeline:
    """`BadMedia`: "refused" over the limits, "unreadable" when no frame can be decoded or the file was cut off."""
    try:
        with opened(path) as container:
            if not container.streams.video:
                raise BadMedia(path, "unreadable", "no picture track in it", "Is it a sound recording?")
            if container.streams.video[0].codec_context is None:
                raise BadMedia(path, "unreadable", "no decoder knows its picture track", "Convert it to H.264")
            return _timeline(path, container, container.streams.video[0], max_pixels, max_seconds)
    except (av.FFmpegError, ValueError) as error:
        raise BadMedia(path, "unreadable", f"not a readable video ({error})", REMEDY) from error


def clock_zero(container: InputContainer) -> Fraction:
    """The container's own time, in seconds, that is 0 on our clock."""
    return Fraction(container.start_time or 0, av.time_base)


def _timeline(
    path: Path, container: InputContainer, stream: VideoStream, max_pixels: int, max_seconds: float
) -> Timeline:
    context = stream.codec_context
    if context.width * context.height > max_pixels:
        problem = f"{context.width} x {context.height} pixels, over the limit of {max_pixels}"
        raise BadMedia(path, "refused", problem, "Reduce the video or raise preprocess.max_pixels")
    # In an MP4 the number of frames in the header leaves out what an edit list hides; its index has every one.
    promised = len(stream.index_entries) if "mp4" in container.format.name else stream.frames
    pts, keyframes, length, first, present = _packets(container, stream)
    if first is None:
        raise BadMedia(path, "unreadable", "no frame in it can be decoded", REMEDY)
    if present < WHOLE * promised:
        raise BadMedia(path, "unreadable", f"cut off: {present} of {promised} frames are there", REMEDY)
    tick, zero = float(stream.time_base or 0), float(clock_zero(container))
    times: NDArray[np.float64] = np.asarray(pts * tick - zero, np.float64)
    end_s = float(times[-1]) + (length * tick or _usual_step(times, stream))
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


def _packets(
    container: InputContainer, stream: VideoStream
) -> tuple[NDArray[np.int64], NDArray[np.int64], int, av.VideoFrame | None, int]:
    """Ticks of all frames and of the key frames, the last frame's length in ticks, the first frame that decodes, and
    how many frames are in the file, those included that an edit list hides.
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


def _usual_step(times: NDArray[np.float64], stream: VideoStream) -> float:
    if len(times) > 1:
        return float(np.median(np.diff(times)))
    return float(1 / stream.average_rate) if stream.average_rate else LONE_FRAME_S
