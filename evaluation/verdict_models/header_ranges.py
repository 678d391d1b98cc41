"""What the headers of the training files said, and how that of a new file differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from unmask.manifests.manifest import Kind, MediaRow

NAMES = {
    "container": "container",
    "video_codec": "video codec",
    "audio_codec": "audio codec",
    "sample_rate": "sample rate",
}
"""Column -> what it is called."""
NUMBERS = {"duration_s": "{:.3g} s long", "pixels": "{:,.0f} pixels", "bytes_per_second": "{:,.0f} bytes per second"}
FACTOR = 2.0
"""A number is told when it is beyond the range of training by more than this: small collections have narrow ranges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderRange:
    """Of the training files of one kind."""

    names: dict[str, tuple[str, ...]]
    """Column -> values that were there."""
    numbers: dict[str, tuple[float, float]]
    """Column -> lowest and highest; without the columns that no file had."""


def fit_header_ranges(rows: Sequence[MediaRow]) -> dict[Kind, HeaderRange]:
    """Of the training files `rows`, by kind."""
    kinds = dict.fromkeys(row.kind for row in rows)
    return {kind: _fit([row for row in rows if row.kind == kind]) for kind in kinds}


def describe_differences(row: MediaRow, ranges: dict[Kind, HeaderRange]) -> Iterator[str]:
    """What no training file of this kind had, such as "container webp"."""
    known = ranges.get(row.kind)
    if known is None:
        return
    for name, word in NAMES.items():
        value = _read_name(row, name)
        if value is not None and value not in known.names[name]:
            yield f"{word} {value}"
    numbers = _read_numbers(row)
    for name, (low, high) in known.numbers.items():
        number = numbers.get(name)
        if number is not None and not low / FACTOR <= number <= high * FACTOR:
            form = NUMBERS[name]
            yield f"{form.format(number)} (training: {form.format(low).split()[0]} to {form.format(high).split()[0]})"


def read_header_range(value: dict[str, Any]) -> HeaderRange:
    return HeaderRange(
        names={name: tuple(values) for name, values in value["names"].items()},
        numbers={name: (float(low), float(high)) for name, (low, high) in value["numbers"].items()},
    )


def _fit(rows: Sequence[MediaRow]) -> HeaderRange:
    numbers = [_read_numbers(row) for row in rows]
    found = {name: [one[name] for one in numbers if name in one] for name in NUMBERS}
    return HeaderRange(
        names={name: tuple(sorted({value for row in rows if (value := _read_name(row, name))})) for name in NAMES},
        numbers={name: (min(values), max(values)) for name, values in found.items() if values},
    )


def _read_name(row: MediaRow, name: str) -> str | None:
    value = getattr(row, name)
    return None if value is None else str(value)


def _read_numbers(row: MediaRow) -> dict[str, float]:
    numbers = {}
    if row.duration_s and row.kind != "image":
        numbers = {"duration_s": row.duration_s, "bytes_per_second": row.bytes / row.duration_s}
    if row.width and row.height:
        numbers["pixels"] = float(row.width * row.height)
    return numbers
