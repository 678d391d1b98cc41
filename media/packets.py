"""The packets of a video track, and which of them the decoder turns into frames."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from unmask.media.containers import decode_packet

UNKNOWN = np.iinfo(np.int64).min
"""Stands for a time that the container does not give."""

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
    first: av.VideoFrame | None = None
    """The first frame that can be decoded."""


def read_packets(container: InputContainer, stream: VideoStream, *, decode_all: bool) -> Packets:
    """All packets, decoded up to the first frame or to the end."""
    rows: list[tuple[int, int, int, bool, bool, bool]] = []
    shown: list[int] = []
    first: av.VideoFrame | None = None
    stream.codec_context.thread_count = 1
    for packet in container.demux(stream):
        if packet.size:
            rows.append(_describe(packet, stream))
            # The decoder hands the time of a packet to its frame: a number instead tells which packet that was.
            packet.pts = packet.dts = len(rows) - 1
        if decode_all or first is None:
            for frame in decode_packet(packet):
                first = first or frame
                shown.append(frame.pts if frame.pts is not None else len(rows) - 1)
    columns = list(zip(*rows, strict=True)) or [()] * 6
    return Packets(
        pts=np.array(columns[0], np.int64),
        dts=np.array(columns[1], np.int64),
        duration=np.array(columns[2], np.int64),
        keys=np.array(columns[3], bool),
        entries=np.array(columns[4], bool),
        hidden=np.array(columns[5], bool),
        shown=shown,
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
