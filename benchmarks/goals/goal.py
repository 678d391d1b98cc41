"""A speed goal, the measurement that gives its figure, and the verdict, which is computed from both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Need = Literal["corpus", "work", "gpu"]
"""corpus: media, UNMASK_CORPUS. work: a work folder with tokens and a run, UNMASK_WORK, or made of the corpus."""

NEEDS: dict[Need, str] = {
    "corpus": "a folder of media, `UNMASK_CORPUS=/path`",
    "work": "a folder of media, `UNMASK_CORPUS=/path`, or a trained work folder, `UNMASK_WORK=/path`",
    "gpu": "a GPU",
}

Unit = Literal["x", "%", "s", "min", "GB"]
FACTORS: dict[Unit, float] = {"x": 1, "%": 100, "s": 1, "min": 1 / 60, "GB": 1}
"""Figures are kept as ratios, shares, seconds and gigabytes; this makes them what is shown."""
DIGITS: dict[Unit, int] = {"x": 2, "%": 1, "s": 1, "min": 1, "GB": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One row of the table. Exactly one of `at_least` and `at_most` is given, in the unit that is shown."""

    figure: str
    """Name of the figure in what the measurement returns."""
    what: str
    """What is measured, for the reader."""
    at_least: float | None = None
    at_most: float | None = None
    unit: Unit = "x"
    headline: bool = False
    """Is it shown in README too?"""

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"{self.figure}: give at_least or at_most")

    @property
    def bound(self) -> float:
        return self.at_most if self.at_least is None else self.at_least  # type: ignore[return-value]

    def round(self, figure: float) -> float:
        """The figure as it is shown, in the unit that is shown."""
        return round(figure * FACTORS[self.unit], self._digits)

    def format(self, shown: float) -> str:
        return f"{shown:,.{self._digits}f}{'' if self.unit == 'x' else f' {self.unit}'}"

    @property
    def goal(self) -> str:
        return f"{'at most' if self.at_least is None else 'at least'} {self.format_bound()}"

    def format_bound(self) -> str:
        return f"{self.bound:,g}{'' if self.unit == 'x' else f' {self.unit}'}"

    def is_met_by(self, figure: float) -> bool:
        """The figure counts as it is shown: 0.996 is 1.00. One that is not a number meets nothing."""
        shown = self.round(figure)
        return shown <= self.bound if self.at_least is None else shown >= self.bound

    @property
    def _digits(self) -> int:
        if self.unit == "x":
            return DIGITS["x"] if self.bound < 20 else 0
        return DIGITS[self.unit] + 2 * (self.bound < 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A benchmark that runs in a process of its own, and the goals that its figures belong to."""

    name: str
    """As in `make bench ARGS=name`."""
    function: str
    """`module:function`, which returns the figures; it is loaded only in that process."""
    minutes: float
    """On two quiet cores, about."""
    goals: tuple[Goal, ...]
    needs: tuple[Need, ...] = ()
    topic: str = ""
    """Heading of its rows."""
