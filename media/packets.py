"""The packets of a video track: which of them the decoder turns into frames, and at what time these are shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
from av.container import InputContainer
from av.format import Flags
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from unmask.media.containers import LARGEST_GAP_S, SEEKABLE, decode_packet, is_broadcast

UNKNOWN = np.iinfo(np.int64).min
"""Stands for a time that the container does not give."""

# Containers that keep the presentation time of each frame. Others have none, or keep the order of decoding.
WITH_TIMES = {*SEEKABLE, "flv", "mpeg", "mpegts", "nut"}

# Frames per second of a raw stream that does not say.
USUAL_RATE = 25

# Decoders that show nothing before a picture that is whole. Others draw on grey where a recording starts without a key
# frame.
SHOW_WHOLE_FRAMES = {"h264", "hevc", "mpeg1video", "mpeg2video"}

# A clock that goes back by more starts anew. Broadcast formats keep the order of decoding exactly, others may not.
RESTART_S = 1.0

# Frames by which a frame may be shown later than it is decoded.
LONGEST_REORDERING = 16

# H.264: units of a picture that no later picture reaches back over.
_IDR = 5
_UNIT_TYPE = 0x1F
_START_CODE = re.compile(rb"\x00\x00\x01(.)", re.DOTALL)


@dataclass(slots=True, kw_only=True)
class Packets:
    """The packets of one video track in the order of the file."""

    pts: NDArray[np.int64]
    """(P,) presentation times in ticks, or UNKNOWN."""
    dts: NDArray[np.int64]
    """(P,) decoding times in ticks, or UNKNOWN."""
    duration: NDArray[np.int64]
    """(P,) ticks, 0 if unknown."""
    keys: NDArray[np.bool_]
    """(P,) whether the container marks a key frame."""
    entries: NDArray[np.bool_]
    """(P,) whether decoding can start here."""
    hidden: NDArray[np.bool_]
    """(P,) whether an edit list hides the frame."""
    shown: list[int] = field(default_factory=list)
    """The packet of each decoded frame, in the order in which frames are shown."""
    skipped: int = 0
    """Frames that the decoder gives before those, made without the key frame that they need."""
    first: av.VideoFrame | None = None
    """The first frame that can be decoded."""


def read_packets(container: InputContainer, stream: VideoStream, *, decode_all: bool) -> Packets:
    """All packets, decoded up to the first frame or to the end."""
    rows: list[tuple[int, int, int, bool, bool, bool]] = []
    shown: list[int] = []
    first: av.VideoFrame | None = None
    skipped = 0
    any_is_whole = stream.codec_context.name in SHOW_WHOLE_FRAMES
    stream.codec_context.thread_count = 1
    for packet in container.demux(stream):
        if packet.size:
            rows.append(_describe(packet, stream))
            # The decoder hands the time of a packet to its frame: a number instead tells which packet that was.
            packet.pts = packet.dts = len(rows) - 1
        if decode_all or first is None:
            for frame in decode_packet(packet):
                number = frame.pts if frame.pts is not None else len(rows) - 1
                if first is None and not (any_is_whole or frame.key_frame or rows[number][3]):
                    skipped += 1
                    continue
                first = first or frame
                shown.append(number)
    columns = list(zip(*rows, strict=True)) or [()] * 6
    return Packets(
        pts=np.array(columns[0], np.int64),
        dts=np.array(columns[1], np.int64),
        duration=np.array(columns[2], np.int64),
        keys=np.array(columns[3], bool),
        entries=np.array(columns[4], bool),
        hidden=np.array(columns[5], bool),
        shown=shown,
        skipped=skipped,
        first=first,
    )


def _describe(packet: Packet[VideoStream], stream: VideoStream) -> tuple[int, int, int, bool, bool, bool]:
    pts = UNKNOWN if packet.pts is None else packet.pts
    dts = UNKNOWN if packet.dts is None else packet.dts
    return pts, dts, packet.duration or 0, packet.is_keyframe, _is_entry(packet, stream), packet.is_discard


def _is_entry(packet: Packet[VideoStream], stream: VideoStream) -> bool:
    """Whether frames from here on are whole. In H.264, points of a gradual refresh are marked as key frames too."""
    if not packet.is_keyframe or stream.codec_context.name != "h264":
        return packet.is_keyframe
    header = stream.codec_context.extradata or b""
    length_size = (header[4] & 3) + 1 if len(header) > 4 and header[0] == 1 else 0
    return _IDR in _list_unit_types(bytes(packet), length_size)


def _list_unit_types(content: bytes, length_size: int) -> set[int]:
    """Types of the H.264 units of a packet; `length_size` is 0 where start codes separate them."""
    if not length_size:
        return {match[1][0] & _UNIT_TYPE for match in _START_CODE.finditer(content)}
    types, at = set(), 0
    while at + length_size < len(content):
        length = int.from_bytes(content[at : at + length_size])
        types.add(content[at + length_size] & _UNIT_TYPE)
        at += length_size + length
    return types


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
    is_raw = bool(Flags(container.format.flags) & Flags.no_timestamps)
    # FFmpeg takes the average of a raw stream for 25; the stream itself may tell.
    step = _measure_step(stream, packets, stream.guessed_rate if is_raw else stream.average_rate)
    pieces = _number_pieces(container, stream, packets)
    if is_raw:
        exact = float(_get_first_tick(container, stream)) + np.arange(len(shown)) * float(step)
        return np.asarray(np.round(exact), np.int64)
    parts: list[NDArray[np.int64]] = []
    for run in np.split(shown, np.flatnonzero(np.diff(pieces[shown])) + 1):
        ticks = packets.pts[run]
        is_avi = container.format.name == "avi"  # it keeps no presentation times: those that FFmpeg reports are guesses
        # Matroska rounds to milliseconds, so that two frames may have the same tick.
        is_rounded = container.format.name in SEEKABLE
        if is_avi or UNKNOWN in ticks or (np.diff(ticks) < (0 if is_rounded else 1)).any():
            slots = _take_slots(run, pieces, packets, step)
            # Decoding runs ahead of presentation.
            ticks = slots + (ticks[0] - slots[0] if not is_avi and ticks[0] != UNKNOWN else 0)
        if parts:
            ticks = ticks - ticks[0] + parts[-1][-1] + round(step)
        parts.append(ticks)
    return np.concatenate(parts)


def _take_slots(
    run: NDArray[np.int64], pieces: NDArray[np.int64], packets: Packets, step: Fraction
) -> NDArray[np.int64]:
    """Ticks of the frames of the packets `run`: the n-th frame has the n-th tick of the order of decoding."""
    slots = _fill_unknown(packets.dts, step)
    piece = np.flatnonzero(pieces == pieces[run[0]])
    lost = np.setdiff1d(piece, run)
    if (lost > run[0] + LONGEST_REORDERING).any():
        return np.sort(slots[run])
    return np.sort(slots[piece])[-len(run) :]  # only frames at the start are lost


def _fill_unknown(dts: NDArray[np.int64], step: Fraction) -> NDArray[np.int64]:
    """Unknown times continue from the one before in steps of a frame."""
    numbers = np.arange(len(dts))
    known = np.maximum.accumulate(np.where(dts == UNKNOWN, -1, numbers))
    distance = numbers - np.maximum(known, 0)
    return np.where(known < 0, 0, dts[known]) + np.round(distance * float(step)).astype(np.int64)


def _number_pieces(container: InputContainer, stream: VideoStream, packets: Packets) -> NDArray[np.int64]:
    """(P,) number of the piece of each packet: joined recordings have a clock per piece."""
    known = np.flatnonzero(packets.dts != UNKNOWN)
    steps = np.diff(packets.dts[known]) * float(stream.time_base or 0)
    begins = (steps < 0) | (steps > LARGEST_GAP_S) if is_broadcast(container) else steps < -RESTART_S
    pieces = np.zeros(len(packets.dts), np.int64)
    pieces[known[1:][begins]] = 1
    return np.cumsum(pieces)


def _measure_step(stream: VideoStream, packets: Packets, rate: Fraction | None) -> Fraction:
    """Ticks per frame."""
    if rate and stream.time_base:
        return 1 / (rate * stream.time_base)
    durations = packets.duration[packets.duration > 0]
    if len(durations):
        return Fraction(int(np.median(durations)))
    return 1 / (USUAL_RATE * stream.time_base) if stream.time_base else Fraction(1)


def _get_first_tick(container: InputContainer, stream: VideoStream) -> Fraction:
    return Fraction(container.start_time or 0, av.time_base) / (stream.time_base or 1)


def _is_video_for_windows(container: InputContainer, stream: VideoStream) -> bool:
    """Whether this is a track of Matroska that was copied from AVI: its times are in the order of decoding."""
    return container.format.name == "matroska,webm" and stream.codec_context.codec_tag.strip("\0") != ""
