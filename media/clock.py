"""Which time belongs to which frame, from the packets of a video track."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from av.container import InputContainer
from av.format import Flags
from av.video.stream import VideoStream
from numpy.typing import NDArray

from unmask.media.containers import SEEKABLE
from unmask.media.packets import UNKNOWN, Packets

# Containers that keep the presentation time of each frame. Others have none, or keep the order of decoding.
WITH_TIMES = {*SEEKABLE, "flv", "mpeg", "mpegts"}

# A larger step in a broadcast format is a clock that was set, as for FFmpeg.
LARGEST_GAP_S = 10.0

# Frames per second of a raw stream that does not say.
USUAL_RATE = 25


def has_exact_times(container: InputContainer, stream: VideoStream, packets: Packets) -> bool:
    """Whether each packet has a presentation time of its own, all of them on one clock."""
    pts = packets.pts[~packets.hidden]
    return (
        (container.format.name in WITH_TIMES or stream.codec_context.codec.intra_only)
        and not _is_video_for_windows(container, stream)
        and UNKNOWN not in pts
        and len(np.unique(pts)) == len(pts)
        and not _number_pieces(container, stream, packets)[-1]
    )


def is_broadcast(container: InputContainer) -> bool:
    """Whether its clock may be set anew in the middle."""
    return bool(Flags(container.format.flags) & Flags.ts_discont) or container.format.name == "flv"


def list_ticks(packets: Packets) -> tuple[NDArray[np.int64], int]:
    """(N,) ticks of the frames from the first one that decodes, in display order, and the duration of the last one."""
    visible = np.flatnonzero(~packets.hidden & (packets.pts >= packets.pts[packets.shown[0]]))
    order = visible[np.argsort(packets.pts[visible])]
    return packets.pts[order], int(packets.duration[order[-1]])


def assign_ticks(container: InputContainer, stream: VideoStream, packets: Packets) -> NDArray[np.int64]:
    """(N,) ascending ticks of the frames that were decoded.

    A piece whose clock was set back begins after the last frame of the piece before it.
    """
    shown = np.array(packets.shown, np.int64)
    step = _measure_step(stream, packets)
    pieces = _number_pieces(container, stream, packets)
    parts: list[NDArray[np.int64]] = []
    for run in np.split(shown, np.flatnonzero(np.diff(pieces[shown])) + 1):
        ticks = packets.pts[run]
        has_times = container.format.name in WITH_TIMES
        if not has_times or UNKNOWN in ticks or (np.diff(ticks) < 0).any():
            slots = _take_slots(run, pieces, packets, step)
            # Decoding runs ahead of presentation.
            ticks = slots + (ticks[0] - slots[0] if has_times and ticks[0] != UNKNOWN else 0)
        if parts:
            ticks = ticks - ticks[0] + parts[-1][-1] + round(step)
        parts.append(ticks)
    return np.concatenate(parts)


def _take_slots(
    run: NDArray[np.int64], pieces: NDArray[np.int64], packets: Packets, step: Fraction
) -> NDArray[np.int64]:
    """Ticks of the frames of the packets `run`: the n-th frame has the n-th tick of the order of decoding."""
    slots = _fill_unknown(packets.dts, step)
    piece = pieces == pieces[run[0]]
    return np.sort(slots[piece] if len(run) == piece.sum() else slots[run])


def _fill_unknown(dts: NDArray[np.int64], step: Fraction) -> NDArray[np.int64]:
    """Unknown times continue from the one before in steps of a frame."""
    numbers = np.arange(len(dts))
    known = np.maximum.accumulate(np.where(dts == UNKNOWN, -1, numbers))
    distance = numbers - np.maximum(known, 0)
    return np.where(known < 0, 0, dts[known]) + np.round(distance * float(step)).astype(np.int64)


def _number_pieces(container: InputContainer, stream: VideoStream, packets: Packets) -> NDArray[np.int64]:
    """(P,) number of the piece of each packet: joined broadcasts and recordings have a clock per piece."""
    pieces = np.zeros(len(packets.dts), np.int64)
    if not is_broadcast(container):
        return pieces
    known = np.flatnonzero(packets.dts != UNKNOWN)
    steps = np.diff(packets.dts[known])
    pieces[known[1:][(steps < 0) | (steps * float(stream.time_base or 0) > LARGEST_GAP_S)]] = 1
    return np.cumsum(pieces)


def _measure_step(stream: VideoStream, packets: Packets) -> Fraction:
    """Ticks per frame."""
    rate = stream.average_rate or stream.guessed_rate
    if rate and stream.time_base:
        return 1 / (rate * stream.time_base)
    durations = packets.duration[packets.duration > 0]
    if len(durations):
        return Fraction(int(np.median(durations)))
    return 1 / (USUAL_RATE * stream.time_base) if stream.time_base else Fraction(1)


def _is_video_for_windows(container: InputContainer, stream: VideoStream) -> bool:
    """Whether this is a track of Matroska that was copied from AVI: its times are in the order of decoding."""
    return container.format.name == "matroska,webm" and stream.codec_context.codec_tag.strip("\0") != ""
