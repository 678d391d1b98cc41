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


def windows(start_s: float, end_s: float, *, clip_seconds: float, max_clips: int) -> tuple[Window, ...]:
    """The clips of a recording that lasts from `start_s` to `end_s`, in order and inside it.

    Up to one clip's length: one clip of the whole. Longer: as many clips as the length holds (rounded, so that
    neighbours overlap by half a clip at most and the unseen rest is under half a clip while `max_clips` allows), the
    first at the start, the last at the end; a single one in the middle.
    """
    if not start_s < end_s:
        raise ValueError(f"a recording from {start_s} to {end_s} s has no length")
    length = end_s - start_s
    if length <= clip_seconds:
        return (Window(start_s, end_s),)
    count = min(max_clips, floor(length / clip_seconds + 0.5))
    latest = end_s - clip_seconds
    begins = [(start_s + latest) / 2] if count == 1 else np.linspace(start_s, latest, count).tolist()
    return tuple(Window(begin, min(begin + clip_seconds, end_s)) for begin in begins)
