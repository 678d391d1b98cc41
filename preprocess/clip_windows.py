"""Windows of a recording that become clips, and the times at which a window is sampled."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Window:
    """A section of a recording, in seconds on its clock."""

    start_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s

    def sample_times(self, count: int) -> NDArray[np.float64]:
        """(count,) seconds: the centers of `count` equal sections of the window."""
        return np.asarray(self.start_s + (np.arange(count) + 0.5) * (self.seconds / count), np.float64)


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """The clip windows of one recording."""

    windows: tuple[Window, ...]
    cut_start_s: float = 0.0
    cut_end_s: float = 0.0
    """Seconds of silence trimmed at the beginning and at the end."""


def plan_windows(
    start_s: float, end_s: float, *, clip_seconds: float, max_clips: int, hop_seconds: float | None = None
) -> tuple[Window, ...]:
    """Clip windows of a recording from `start_s` to `end_s`, in order.

    A recording of at most one clip's length is one window. A longer one without `hop_seconds` has as many windows as
    its length in clips, rounded and limited to `max_clips`: the first at the start, the last at the end, a single one
    in the middle. Unless limited, neighbors overlap by at most half a clip and less than half a clip is left out. With
    `hop_seconds`, one window per hop from the start; if there are more than `max_clips`, they are sampled evenly.
    """
    if not start_s < end_s:
        raise ValueError(f"a recording from {start_s} to {end_s} s has no length")
    length = end_s - start_s
    if length <= clip_seconds:
        return (Window(start_s, end_s),)
    latest = end_s - clip_seconds
    if hop_seconds is None:
        count = min(max_clips, floor(length / clip_seconds + 0.5))
        begins = _space_evenly(start_s, latest, count)
    else:
        # Rounding must not cost a recording of exactly n hops its last clip.
        hops = floor((latest - start_s) / hop_seconds + 1e-6)
        begins = [start_s + hop_seconds * round(hop) for hop in _space_evenly(0, hops, min(max_clips, hops + 1))]
    return tuple(Window(begin, min(begin + clip_seconds, end_s)) for begin in begins)


def _space_evenly(first: float, last: float, count: int) -> list[float]:
    """`count` evenly spaced points from `first` to `last`; a single one in the middle."""
    return [(first + last) / 2] if count == 1 else [float(point) for point in np.linspace(first, last, count)]
