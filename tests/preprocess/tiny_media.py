"""Small recordings with known content: frames that show their number, clicks at known times."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from unmask.core.hashing import hash_quickly, make_media_id
from unmask.manifests.manifest import Kind, Manifest, MediaRow, from_rows

BITS, BAR, HEIGHT = 10, 16, 64
TICKS = 1000
"""Ticks per second of the numbered videos: times are exact to the millisecond."""


def numbered_frame(number: int) -> NDArray[np.uint8]:
    """Its number as ten black and white bars, lowest bit on the left: readable after any codec."""
    bars = np.array([255 * (number >> bit & 1) for bit in range(BITS)], np.uint8)
    return np.broadcast_to(np.repeat(bars, BAR)[None, :, None], (HEIGHT, BITS * BAR, 3)).copy()


def read_number(frame: NDArray[np.uint8]) -> int:
    middles = frame[HEIGHT // 2, BAR // 2 :: BAR, 1]
    return int(sum(1 << bit for bit, value in enumerate(middles) if value > 127))


def write_video(
    path: Path,
    frames: Sequence[NDArray[np.uint8]],
    times_ms: Sequence[int],
    *,
    sound: NDArray[np.float32] | None = None,
    sound_rate: int = 16_000,
    sound_at_s: float = 0.0,
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> Path:
    """H.264 of `frames` shown at `times_ms`, optionally with AAC that begins at `sound_at_s`."""
    with av.open(str(path), "w", options=options or {}) as container:
        video = container.add_stream("libx264", rate=25, options={"g": "12", "crf": "10"})
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = pixels
        video.codec_context.time_base = Fraction(1, TICKS)
        audio = container.add_stream("aac", rate=sound_rate, layout="mono") if sound is not None else None
        for image, at in zip(frames, times_ms, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, TICKS)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio is not None and sound is not None:
            for start in range(0, len(sound), 1024):
                block = av.AudioFrame.from_ndarray(sound[None, start : start + 1024], format="fltp", layout="mono")
                block.sample_rate = sound_rate
                block.pts, block.time_base = start + round(sound_at_s * sound_rate), Fraction(1, sound_rate)
                container.mux(audio.encode(block))
            container.mux(audio.encode())
    return path


def numbered_video(path: Path, count: int, *, step_ms: int = 40, **more: Any) -> Path:
    """`count` numbered frames, one every `step_ms`."""
    times = [step_ms * number for number in range(count)]
    return write_video(path, [numbered_frame(number) for number in range(count)], times, **more)


def turn_in_header(path: Path, out: Path, clockwise: int) -> Path:
    """A copy of an MP4 whose header asks players to turn it by 90, 180 or 270 degrees."""
    return set_matrix(path, out, {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[clockwise])


def set_matrix(path: Path, out: Path, matrix: tuple[int, int, int, int]) -> Path:
    """A copy of an MP4 whose header shows the point (x, y) at (a x + c y, b x + d y), for a matrix (a, b, c, d)."""
    a, b, c, d = (value << 16 for value in matrix)
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 4 + 40  # version 0 of the box: forty bytes before the matrix
    content[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    out.write_bytes(content)
    return out


def click(rate: int, at_s: float, length_s: float) -> NDArray[np.float32]:
    """Silence with a 5 ms burst of a 2 kHz tone that begins at `at_s`."""
    sound = np.zeros(round(length_s * rate), np.float32)
    burst = np.arange(round(0.005 * rate)) / rate
    start = round(at_s * rate)
    sound[start : start + len(burst)] = 0.8 * np.sin(2 * np.pi * 2000 * burst)
    return sound


def first_loud_s(samples: NDArray[np.int16], rate: int = 16_000) -> float:
    """Seconds of the first sample above a third of the loudest."""
    loud = np.abs(samples.astype(np.float64))
    return float(np.flatnonzero(loud > loud.max() / 3)[0]) / rate


KINDS: dict[str, Kind] = {".jpg": "image", ".png": "image", ".gif": "image", ".mp4": "video", ".wav": "audio"}


def manifest_of(root: Path, names: Sequence[str] | None = None, **row: Any) -> Manifest:
    """A manifest of the files under `root`, by extension, in the order of their names."""
    paths = sorted(path.name for path in root.iterdir() if path.suffix in KINDS) if names is None else names
    rows = [
        MediaRow(
            media_id=make_media_id("tiny", name),
            dataset="tiny",
            domain_id=0,
            path=name,
            kind=KINDS[Path(name).suffix],
            label=0,
            content=hash_quickly(root / name) if (root / name).is_file() else "",
            **row,
        )
        for name in paths
    ]
    return from_rows(rows, {"tiny": str(root)})
