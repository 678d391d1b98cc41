"""The verdict on a goal: computed from a stored result, never written by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from benchmarks.goals.goal import NEEDS, Goal, Measurement
from benchmarks.goals.results import Result

Kind = Literal["met", "not met", "failed", "not measured"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Verdict:
    kind: Kind
    figure: str
    """As shown; "" without one."""
    reason: str = ""

    @property
    def text(self) -> str:
        return f"{self.kind}: {self.reason}" if self.reason else self.kind


def judge(measurement: Measurement, goal: Goal, result: Result | None) -> Verdict:
    """`result`: the stored one of this measurement; None where there is none."""
    if result is None:
        needed = ", ".join(NEEDS[need] for need in measurement.needs)
        return Verdict("not measured", "", f"needs {needed}" if needed else "not run yet")
    if result.error:
        return Verdict("failed", "", result.error)
    if result.reason:
        return Verdict("not measured", "", result.reason)
    figure = result.figures.get(goal.figure)
    if figure is None:
        return Verdict("not measured", "", "these media or this machine have nothing to measure it on")
    shown = goal.format(goal.round(figure))
    if goal.is_met_by(figure):
        return Verdict("met", shown)
    return Verdict("not met", shown, f"{shown} of {goal.format_bound()}")
