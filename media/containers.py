"""Opens media containers and decodes their packets, for every stage."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO

import av
from av.container import InputContainer
from av.format import Flags
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from unmask.core.files.regular_files import open_for_decoder

DECODING_ERRORS = (av.FFmpegError, ValueError)
"""Raised by PyAV for a file that it cannot read."""

# Text files of these formats name other files, and FFmpeg would read those, even outside the dataset's folder or on
# another machine.
PLAYLISTS = {"concat", "dash", "hls", "imf", "rtsp", "sdp"}

# Containers whose index leads to the exact packet.
SEEKABLE = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")

# Video tracks that are no film: cover art, and the pictures of a chapter list.
PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails

# A larger step in a broadcast format is a clock that was set, as for FFmpeg.
LARGEST_GAP_S = 10.0

# Formats that count the samples of a track when it is written. Others estimate its length from the bit rate.
COUNTED = ("mov,mp4,m4a,3gp,3g2,mj2", "avi", "asf", "wav", "w64", "aiff", "caf")


@contextmanager
def open_container(path: Path | BinaryIO) -> Iterator[InputContainer]:
    """The container of `path`, never of files that it names. Raises one of `DECODING_ERRORS`.

    Metadata in unknown encodings is ignored.
    """
    with _open_source(path) if isinstance(path, Path) else path as source:
        options = {"format_whitelist": _list_formats()}
        with av.open(source, "r", metadata_errors="ignore", container_options=options) as container:
            yield container


def is_broadcast(container: InputContainer) -> bool:
    """Whether its clock may be set anew in the middle."""
    return bool(Flags(container.format.flags) & Flags.ts_discont) or container.format.name == "flv"


def find_video(container: InputContainer) -> VideoStream | None:
    """The video track that a player would show, cover art excluded; None if there is none."""
    films = {track.index: track for track in container.streams.video if not track.disposition & PICTURES}
    best = container.streams.best("video")
    return films.get(best.index if best else -1, next(iter(films.values()), None))


def decode_packet(packet: Packet[VideoStream]) -> list[av.VideoFrame]:
    """The frames that a packet of a video track completes; none if it is damaged. Raises `MemoryError`."""
    if packet.size == 0 and packet.dts is not None:
        return []  # AVI marks a repeated frame by an empty packet, which a decoder would take for the end
    try:
        return packet.decode()
    except MemoryError:
        raise
    except av.FFmpegError:
        return []


def _open_source(path: Path) -> BinaryIO:
    try:
        return open_for_decoder(path)
    except OSError as error:
        av.error.err_check(-(error.errno or errno.EIO), str(path))
        raise


@cache
def _list_formats() -> str:
    return ",".join(sorted(av.formats_available - PLAYLISTS))
