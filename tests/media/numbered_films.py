"""Films whose frames show their number, in every container, with every structure that leads a seek astray.

`compare_with_full_decode` asks for frames of a film and compares them with those of a full decode.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import dropwhile
from pathlib import Path

import av
import numpy as np
from av.packet import Packet
from numpy.typing import NDArray
from rgb_readers import read_with_pyav
from tiny_media import numbered_frame, read_number

from unmask.media.containers import decode_packet, find_video, open_container
from unmask.media.timeline import Timeline, read_timeline
from unmask.media.video_readers import FramesMissing

RATE = 25
COUNT = 120
SKIPPED = 7
"""Packets that a cut film lacks at its start."""

# Suffix -> name of FFmpeg's writer, where they differ.
WRITERS = {
    "h265": "hevc",
    "m2v": "mpeg2video",
    "mkv": "matroska",
    "mpg": "mpeg",
    "ts": "mpegts",
    "wmv": "asf",
}
# Broadcast formats are cut and joined as bytes, in blocks of this size.
BLOCKS = {"ts": 188, "mpg": 2048, "vob": 2048}
OPTIONS = {"libx265": {"x265-params": "log-level=none"}}
PARAMETERS = {"open_gop": "open-gop=1", "intra_refresh": "intra-refresh=1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """How a film is made."""

    codec: str
    suffix: str
    gop: int = 25
    b_frames: int = 2
    """Largest number of consecutive B-frames, for encoders that have them."""
    kind: str = "whole"
    """whole, open_gop, intra_refresh, fragmented, joined, copied; cut, intra_refresh_cut: without a first key frame."""

    @property
    def name(self) -> str:
        return f"{self.codec}-{self.suffix}-gop{self.gop}-b{self.b_frames}-{self.kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a film gave."""

    numbers: list[int]
    """The number that each frame of a full decode shows."""
    wrong: int
    """Frames, of all that were asked for, that are not those of a full decode."""
    timeline: Timeline


def write_film(folder: Path, film: Film) -> Path:
    path = folder / f"{film.name}.{film.suffix}"
    if film.kind == "joined":
        path.write_bytes(
            b"".join(
                _encode(folder / f"part.{film.suffix}", film, range(at, at + COUNT // 2)).read_bytes()
                for at in (0, COUNT // 2)
            )
        )
    elif "cut" in film.kind and film.suffix in BLOCKS:
        content, block = _encode(path, film, range(COUNT)).read_bytes(), BLOCKS[film.suffix]
        path.write_bytes(content[len(content) // 3 // block * block :])
    elif "cut" in film.kind or film.kind == "copied":
        # AVI takes H.264 with start codes only.
        source = _encode(folder / ("source.ts" if film.codec == "libx264" else "source.mp4"), film, range(COUNT))
        _copy_packets(source, path, film, skip=0 if film.kind == "copied" else SKIPPED)
    else:
        _encode(path, film, range(COUNT))
    return path


def read_film(path: Path, choose: slice) -> tuple[Timeline, list[int]]:
    """The timeline and the numbers of the frames at the positions `choose`, read as preprocessing reads them."""
    for decode_all in (False, True):
        timeline = read_timeline(path, max_pixels=10**8, max_seconds=10**4, decode_all=decode_all)
        positions = np.arange(len(timeline.times))[choose]
        try:
            return timeline, [read_number(frame) for frame in read_with_pyav(path, timeline, positions)]
        except FramesMissing:
            assert not decode_all, "a timeline of decoded frames has frames that do not decode"
    raise AssertionError


def compare_with_full_decode(path: Path) -> Comparison:
    """Ask for all frames, a late window, the last frames, every few and a single one."""
    truth = decode_in_full(path)
    half = len(truth) // 2
    wrong = 0
    for choose in (slice(None), slice(half, half + 8), slice(-3, None), slice(5, None, 17), slice(-9, -8)):
        timeline, numbers = read_film(path, choose)
        expected = truth[choose]
        wrong += abs(len(expected) - len(numbers))
        wrong += sum(number != right for number, right in zip(numbers, expected, strict=False))
    return Comparison(numbers=truth, wrong=wrong, timeline=timeline)


def decode_in_full(path: Path) -> list[int]:
    """Numbers of all frames, from the first whole one to the end."""
    with open_container(path) as container:
        film = find_video(container)
        assert film is not None
        frames = (frame for packet in container.demux(film) for frame in decode_packet(packet))
        whole = frames if film.codec_context.name == "h264" else dropwhile(lambda frame: not frame.key_frame, frames)
        return [read_number(_to_rgb(frame)) for frame in whole]


def _to_rgb(frame: av.VideoFrame) -> NDArray[np.uint8]:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _encode(path: Path, film: Film, numbers: Iterable[int]) -> Path:
    writer = WRITERS.get(path.suffix[1:], path.suffix[1:])
    flags = {"movflags": "frag_keyframe+empty_moov"} if film.kind == "fragmented" else {}
    options = {"g": str(film.gop), **OPTIONS.get(film.codec, {})}
    if film.codec.startswith(("libx26", "mpeg")):
        options["bf"] = str(film.b_frames)
    if film.kind.removesuffix("_cut") in PARAMETERS:
        options["x264-params"] = PARAMETERS[film.kind.removesuffix("_cut")]
    with av.open(str(path), "w", format=writer, options=flags) as container:
        stream = container.add_stream(film.codec, rate=RATE, options=options)
        stream.height, stream.width = numbered_frame(0).shape[:2]
        stream.pix_fmt = {"prores_ks": "yuv422p10le", "mjpeg": "yuvj420p"}.get(film.codec, "yuv420p")
        for at, number in enumerate(numbers):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _copy_packets(source: Path, path: Path, film: Film, *, skip: int) -> None:
    writer = WRITERS.get(film.suffix, film.suffix)
    with av.open(str(source)) as container, av.open(str(path), "w", format=writer) as out:
        stream = out.add_stream_from_template(container.streams.video[0])
        # Half of the ticks: AVI gets an empty packet for each frame that is not there.
        stream.time_base = Fraction(1, 2 * RATE)
        packets: list[Packet] = [packet for packet in container.demux(video=0) if packet.size]
        for packet in packets[skip:]:
            packet.stream = stream
            out.mux(packet)
