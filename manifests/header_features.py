"""What the header of a file says: one list of fields, for the audit, the metadata control and the metadata encoder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from unmask.manifests.manifest import MediaRow


@dataclass(frozen=True, slots=True)
class HeaderField:
    """A column of the manifest that the header fills: a name with usual values, or a number with a usual range."""

    name: str
    values: tuple[str, ...] = ()
    """As the libraries of scan spell them. The metadata encoder has one place for each and one for all others."""
    range: tuple[float, float] = (0.0, 0.0)
    """The ends of the scale of the metadata encoder; only of numbers."""


HEADER_FIELDS = (
    HeaderField("kind", ("image", "audio", "video")),
    HeaderField(
        "container",
        (
            *("jpeg", "png", "webp", "bmp", "gif", "tiff"),
            *("wav", "flac", "ogg", "mp3", "aiff", "aac"),
            *("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mpegts", "mpeg", "asf", "flv"),
        ),
    ),
    HeaderField(
        "video_codec",
        ("h264", "hevc", "mpeg4", "vp8", "vp9", "av1", "mjpeg", "mpeg2video", "wmv2", "rawvideo", "ffv1"),
    ),
    HeaderField(
        "audio_codec",
        (
            *("aac", "mp3", "opus", "vorbis", "flac", "ac3", "mp2", "alac", "amrnb", "wmav2"),
            *("pcm_s16le", "pcm_16", "pcm_24", "pcm_32", "pcm_u8", "float", "ulaw", "alaw", "mpeg_layer_iii"),
        ),
    ),
    HeaderField("bytes", range=(1e2, 1e10)),
    HeaderField("width", range=(16, 8192)),
    HeaderField("height", range=(16, 8192)),
    HeaderField("fps", range=(1, 240)),
    HeaderField("duration_s", range=(0.04, 14_400)),
    HeaderField("frames", range=(1, 1e6)),
    HeaderField("sample_rate", range=(4_000, 192_000)),
    HeaderField("channels", range=(1, 16)),
)
DERIVED = ("pixels", "aspect", "bytes_per_pixel", "bytes_per_second")

NAMES = (*(field.name for field in HEADER_FIELDS if field.values), "extension")
_READ = tuple(field.name for field in HEADER_FIELDS if not field.values)
NUMBERS = (*_READ, *DERIVED)
# The histogram trees read at most so many names per column; rarer ones count as missing.
MOST_NAMES = 200


def encode_headers(rows: Sequence[MediaRow], known: NDArray[np.bool_]) -> tuple[NDArray[np.float64], list[bool]]:
    """(N, F) features, NaN where missing, columns NUMBERS and NAMES, and for each whether it is a name.

    Names are coded by their frequency rank among the `known` (N,) rows; names that none of these has are NaN.
    """
    numbers = np.array([_read_numbers(row) for row in rows], np.float64).reshape(len(rows), len(NUMBERS))
    names = [read_names(row) for row in rows]
    columns = [encode_names([name[position] for name in names], known) for position in range(len(NAMES))]
    return np.column_stack([numbers, *columns]), [False] * len(NUMBERS) + [True] * len(NAMES)


def _read_numbers(row: MediaRow) -> list[float]:
    values: dict[str, float | None] = {name: getattr(row, name) for name in _READ}
    if row.width and row.height:
        values["pixels"], values["aspect"] = row.width * row.height, row.width / row.height
        values["bytes_per_pixel"] = row.bytes / (row.width * row.height * (row.frames or 1))
    if row.duration_s:
        values["bytes_per_second"] = row.bytes / row.duration_s
    numbers = [values.get(name) for name in NUMBERS]
    return [np.nan if value is None else float(value) for value in numbers]


def read_names(row: MediaRow) -> list[str | None]:
    """Values of NAMES."""
    extension = PurePosixPath(row.path).suffix.lower() or None
    return [*(getattr(row, name) for name in NAMES[:-1]), extension]


def encode_names(values: Sequence[str | None], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N,) frequency rank of each name among the `known` (N,) rows; NaN for None and unknown names."""
    pairs = zip(values, known.tolist(), strict=True)
    counts = Counter(value for value, is_known in pairs if is_known and value is not None)
    ranked = sorted(counts, key=lambda value: (-counts[value], value))[:MOST_NAMES]
    codes = {value: float(code) for code, value in enumerate(ranked)}
    return np.array([np.nan if value is None else codes.get(value, np.nan) for value in values], np.float64)
