"""The common time axis of a verdict's drawings: positions in percent, so that it fits every width."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unmask.evaluation.verdicts.verdict import ClipVerdict, Verdict

MOST_TICKS = 6
"""After the one at 0; they fit side by side on a phone."""
WIDE_ENOUGH = 13.0
"""Percent of the axis that a bar needs for a number on it, on a phone."""
MOST_LANES = 4
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)


@dataclass(frozen=True, slots=True)
class TimeAxis:
    end_s: float

    def place(self, time_s: float) -> float:
        """Percent of the axis, 0 to 100."""
        return round(100 * min(1.0, max(0.0, time_s / self.end_s)), 3)

    def measure(self, start_s: float, end_s: float) -> float:
        """Width in percent, visible however short."""
        return max(0.3, round(self.place(end_s) - self.place(start_s), 3))

    def list_ticks(self) -> list[tuple[float, str]]:
        """(percent, label), from 0."""
        step = next((step for step in STEPS if self.end_s / step <= MOST_TICKS), self.end_s / MOST_TICKS)
        times = [step * number for number in range(math.floor(self.end_s / step + 1e-9) + 1)]
        return [(self.place(at), format_time(at)) for at in times]


@dataclass(frozen=True, slots=True)
class Bar:
    """One clip on the axis."""

    left: float
    width: float
    lane: int
    height: float
    """Percent: its score."""
    style: str
    """CSS class: fake or real."""
    label: str
    """Its score; "" where there is no room."""
    title: str


def make_axis(verdict: Verdict) -> TimeAxis | None:
    """None for a file without time: an image, or one of which nothing is known over time."""
    ends = [clip.end_s for clip in verdict.clips]
    if verdict.pictures:
        ends.append(verdict.pictures.end_s)
    if verdict.sync:
        ends += [time for time, _ in verdict.sync.over_time]
    if verdict.explanation:
        ends += [one.end_s for one in verdict.explanation.contributions]
    end_s = max(filter(math.isfinite, ends), default=0.0)
    return TimeAxis(end_s) if end_s > 0 else None


def list_bars(clips: Sequence[ClipVerdict], threshold: float, axis: TimeAxis) -> list[Bar]:
    """Clips that overlap lie in different lanes."""
    free: list[float] = []
    bars = []
    for clip in sorted(clips, key=lambda one: one.start_s):
        lane = next((number for number, end_s in enumerate(free) if end_s <= clip.start_s + 1e-6), len(free))
        lane = min(lane, MOST_LANES - 1)
        free[lane : lane + 1] = [clip.end_s]
        width, style = axis.measure(clip.start_s, clip.end_s), choose_style(clip.score, threshold)
        bars.append(
            Bar(
                left=axis.place(clip.start_s),
                width=width,
                lane=lane,
                height=round(100 * clip.score, 1),
                style=style,
                label=f"{clip.score:.2f}" if width >= WIDE_ENOUGH else "",
                title=f"{format_time(clip.start_s)} to {format_time(clip.end_s)}: score {clip.score:.3f}",
            )
        )
    return bars


def choose_style(score: float, threshold: float) -> str:
    return "fake" if score >= threshold else "real"


def find_style(clips: Iterable[ClipVerdict], time_s: float, threshold: float) -> str:
    """Of the clip with the highest score at this time; "blank" between clips."""
    scores = [clip.score for clip in clips if clip.start_s <= time_s <= clip.end_s]
    return choose_style(max(scores), threshold) if scores else "blank"


def format_time(seconds: float) -> str:
    """1.5 s, 12 s, 1:05, 1:01:05"""
    if seconds < 60:
        return f"{round(seconds, 1):g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
