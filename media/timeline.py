"""Presentation time of each frame of a video: exact for variable frame rates and for every reader.

The clock is 0 where the container's first track begins, and audio and video share it. decord's own times are not used:
they move every first frame to 0.

Where the container keeps presentation times, the packets give the times without decoding. AVI, raw streams, joined
recordings and damaged files are decoded once for it: the n-th frame that the decoder shows gets the n-th time.
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
from unmask.media.containers import DECODING_ERRORS, SEEKABLE, find_video, open_container
from unmask.media.orientation import Orientation, read_orientation, scale_to_square_pixels
from unmask.media.packets import Packets, assign_ticks, has_exact_times, list_ticks, read_packets

# Duration of a single frame if the file has no frame rate.
SINGLE_FRAME_S = 0.04

# A file with less than this fraction of the frames in its index is truncated.
MIN_PRESENT = 0.9

# A file that decodes to fewer frames than this fraction of its packets is damaged. Interlaced video may have two
# packets per frame.
MIN_DECODED = 0.45

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
    """(M,) ticks of the frames to which a reader may seek; empty if it has to decode from the start."""
    numbers: NDArray[np.int64] | None
    """(N,) the number of each frame in a full decode, if that identifies it because the container's ticks do not."""
    width: int
    height: int
    """Pixels of a frame as it is shown: after scaling to square pixels and rotation."""
    orientation: Orientation
    """Turns and mirrors that make a decoded frame upright."""
    is_plain: bool
    """Whether every reader gives the same frames: 8 bits, upright, square pixels, a single video track, clean seeks."""

    @property
    def start_s(self) -> float:
        return float(self.times[0])


def read_timeline(path: Path, *, max_pixels: int, max_seconds: float, decode_all: bool = False) -> Timeline:
    """The timeline, without ticks that do not decode if `decode_all` (which takes as long as decoding the file).

    Raises `BadMedia`: "refused" over the limits, "unreadable" if no frame decodes or the file is truncated.
    """
    try:
        with open_container(path) as container:
            stream = _find_film(path, container, max_pixels)
            is_mp4 = container.format.name == SEEKABLE[0]
            # In an MP4 the header's frame count excludes frames that an edit list hides; the index has all of them.
            # It grows with the fragments that are read.
            expected = len(stream.index_entries) if is_mp4 else stream.frames
            packets = read_packets(container, stream, decode_all=decode_all)
            _check_packets(path, container, packets, expected, decode_all=decode_all)
            if decode_all or has_exact_times(container, stream, packets):
                timeline = _build_timeline(container, stream, packets, is_counted=decode_all)
                return _check_length(path, timeline, max_seconds)
    except DECODING_ERRORS as error:
        raise BadMedia(path, "unreadable", f"not a readable video ({error})", REMEDY) from error
    return read_timeline(path, max_pixels=max_pixels, max_seconds=max_seconds, decode_all=True)


def get_clock_zero(container: InputContainer) -> Fraction:
    """The container's time, in seconds, that is 0 on the clock."""
    return Fraction(container.start_time or 0, av.time_base)


def _find_film(path: Path, container: InputContainer, max_pixels: int) -> VideoStream:
    stream = find_video(container)
    if stream is None:
        raise BadMedia(path, "unreadable", "no video track in it", "Is it an audio recording?")
    context, index = stream.codec_context, stream.index_entries
    if context is None:
        raise BadMedia(path, "unreadable", "no decoder for its video track", "Convert it to H.264")
    if len(index) > 1 and index[0].timestamp == index[-1].timestamp:
        raise BadMedia(path, "unreadable", "all its frames have the same time", REMEDY)
    width, height = scale_to_square_pixels(context.width, context.height, stream.sample_aspect_ratio)
    if width * height > max_pixels:
        problem = f"{width} x {height} pixels, over the limit of {max_pixels}"
        raise BadMedia(path, "refused", problem, "Reduce the video or raise preprocess.max_pixels")
    return stream


def _check_packets(path: Path, container: InputContainer, packets: Packets, expected: int, *, decode_all: bool) -> None:
    if packets.first is None:
        raise BadMedia(path, "unreadable", "no frame in it can be decoded", REMEDY)
    present = len(packets.pts)
    if container.format.name == "avi":  # the header counts repeated frames too, which have a tick and no packet
        present = max(present, int(packets.dts.max()) + 1)
    if present < MIN_PRESENT * expected:
        raise BadMedia(path, "unreadable", f"truncated: it holds {present} of {expected} frames", REMEDY)
    # Packets before the first frame belong to a recording that starts without a key frame.
    decodable = len(packets.pts) - min(packets.shown)
    if decode_all and len(packets.shown) < MIN_DECODED * decodable:
        problem = f"damaged: {len(packets.shown)} of {decodable} frames can be decoded"
        raise BadMedia(path, "unreadable", problem, REMEDY)


def _check_length(path: Path, timeline: Timeline, max_seconds: float) -> Timeline:
    seconds = timeline.end_s - timeline.start_s
    if seconds > max_seconds:
        problem = f"{seconds:.0f} s long, over the limit of {max_seconds:g} s"
        raise BadMedia(path, "refused", problem, "Cut it or raise preprocess.max_seconds")
    return timeline


def _build_timeline(container: InputContainer, stream: VideoStream, packets: Packets, *, is_counted: bool) -> Timeline:
    first = packets.first
    assert first is not None
    pts, length = (assign_ticks(container, stream, packets), 0) if is_counted else list_ticks(packets)
    tick, zero = float(stream.time_base or 0), float(get_clock_zero(container))
    times: NDArray[np.float64] = np.asarray(pts * tick - zero, np.float64)
    orientation = read_orientation(first)
    width, height = scale_to_square_pixels(first.width, first.height, stream.sample_aspect_ratio)
    can_seek = container.format.name in SEEKABLE and not is_counted and not _needs_first_packet(stream)
    entries = packets.entries & ~packets.hidden
    return Timeline(
        times=times,
        end_s=float(times[-1]) + (length * tick or _estimate_step(times, stream)),
        pts=pts,
        keyframes=np.sort(packets.pts[entries]) if can_seek else np.zeros(0, np.int64),
        numbers=packets.skipped + np.arange(len(pts)) if is_counted else None,
        width=height if orientation.swaps_axes else width,
        height=width if orientation.swaps_axes else height,
        orientation=orientation,
        is_plain=can_seek
        and orientation.is_upright
        and (width, height) == (first.width, first.height)
        and all(component.bits == 8 for component in first.format.components)
        and len(container.streams.video) == 1
        and len(pts) == len(packets.pts)
        and bool((packets.keys == packets.entries).all()),
    )


def _needs_first_packet(stream: VideoStream) -> bool:
    """Whether a decoder has to start at the first packet.

    4:4:4 by versions of x264 before 2018, as in FaceForensics++, decodes to noise unless the decoder has read the note
    of that version, which only the first packet carries.
    """
    return stream.codec_context.name == "h264" and "4:4:4" in (stream.codec_context.profile or "")


def _estimate_step(times: NDArray[np.float64], stream: VideoStream) -> float:
    """Seconds per frame."""
    if len(times) > 1:
        return float(np.median(np.diff(times)))
    return float(1 / stream.average_rate) if stream.average_rate else SINGLE_FRAME_S
