"""Where the clips of a recording lie, and which moments of a clip are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Window:
    """From `start_s` to `end_s` seconds on the recording's clock."""

    start_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s

    def moments(self, count: int) -> NDArray[np.float64]:
        """(count,) seconds: the centres of `count` equal parts of the whole window."""
        return np.asarray(self.start_s + (np.arange(count) + 0.5) * (self.seconds / count), np.float64)


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """Where the clips of one recording lie."""

    windows: tuple[Window, ...]
    cut_start_s: float = 0.0
    cut_end_s: float = 0.0
    """Seconds of silence cut off before and after the part that the clips are taken from."""


def windows(
    start_s: float, end_s: float, *, clip_seconds: float, max_clips: int, hop_seconds: float | None = None
) -> tuple[Window, ...]:
    """The clips of a recording that lasts from `start_s` to `end_s`, in order and inside it.

    Up to one clip's length: one clip of the whole. Longer, without `hop_seconds`: as many clips as the length holds
    (rounded, so that neighbours overlap by half a clip at most and the unseen rest is under half a clip while
    `max_clips` allows), the first at the start, the last at the end; a single one in the middle. With `hop_seconds`: a
    clip each hop from the start on; of more than `max_clips`, so many spread evenly over all of them.
    """
    if not start_s < end_s:
        raise ValueError(f"a recording from {start_s} to {end_s} s has no length")
    length = end_s - start_s
    if length <= clip_seconds:
        return (Window(start_s, end_s),)
    latest = end_s - clip_seconds
    if hop_seconds is None:
        count = min(max_clips, floor(length / clip_seconds + 0.5))
        begins = _spread(start_s, latest, count)
    else:
        # A recording of just so many hops must not lose its last clip to rounding.
        hops = floor((latest - start_s) / hop_seconds + 1e-6)
        begins = [start_s + hop_seconds * round(hop) for hop in _spread(0, hops, min(max_clips, hops + 1))]
    return tuple(Window(begin, min(begin + clip_seconds, end_s)) for begin in begins)


def _spread(first: float, last: float, count: int) -> list[float]:
    """`count` points from `first` to `last`, evenly; a single one in the middle."""
    return [(first + last) / 2] if count == 1 else [float(point) for point in np.linspace(first, last, count)]
