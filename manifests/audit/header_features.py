"""What a file says about itself without being looked at: the facts that a shortcut would use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from unmask.manifests.manifest import MediaRow

NUMBERS = (
    "bytes",
    "width",
    "height",
    "pixels",
    "aspect",
    "fps",
    "frames",
    "duration_s",
    "sample_rate",
    "channels",
    "bytes_per_pixel",
    "bytes_per_second",
)
NAMES = ("kind", "video_codec", "audio_codec", "container", "extension")
# The histogram trees read at most so many names of a column; rarer ones become "another".
MOST_NAMES = 200


def metadata_facts(rows: Sequence[MediaRow], known: NDArray[np.bool_]) -> tuple[NDArray[np.float64], list[bool]]:
    """(N, F) facts, NaN where a file has none, and for each column whether it is a name rather than a number.

    Names are coded by their frequency rank among the `known` (N,) rows; names that none of these has are NaN.
    """
    numbers = np.array([_numbers(row) for row in rows], np.float64).reshape(len(rows), len(NUMBERS))
    names = [names_of(row) for row in rows]
    columns = [coded([name[position] for name in names], known) for position in range(len(NAMES))]
    return np.column_stack([numbers, *columns]), [False] * len(NUMBERS) + [True] * len(NAMES)


def _numbers(row: MediaRow) -> list[float]:
    values: dict[str, float | None] = {
        name: getattr(row, name) for name in NUMBERS if name in MediaRow.__dataclass_fields__
    }
    if row.width and row.height:
        values["pixels"], values["aspect"] = row.width * row.height, row.width / row.height
        values["bytes_per_pixel"] = row.bytes / (row.width * row.height * (row.frames or 1))
    if row.duration_s:
        values["bytes_per_second"] = row.bytes / row.duration_s
    found = [values.get(name) for name in NUMBERS]
    return [np.nan if value is None else float(value) for value in found]


def names_of(row: MediaRow) -> list[str | None]:
    extension = PurePosixPath(row.path).suffix.lower() or None
    return [row.kind, row.video_codec, row.audio_codec, row.container, extension]


def coded(values: Sequence[str | None], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N,) frequency rank of each name among the `known` (N,) ones; NaN for None and for names none of these has."""
    pairs = zip(values, known.tolist(), strict=True)
    counts = Counter(value for value, is_known in pairs if is_known and value is not None)
    ranked = sorted(counts, key=lambda value: (-counts[value], value))[:MOST_NAMES]
    codes = {value: float(code) for code, value in enumerate(ranked)}
    return np.array([np.nan if value is None else codes.get(value, np.nan) for value in values], np.float64)
