"""Result of comparing runs with a base: plain numbers, written as comparison.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from unmask.evaluation.results import MACRO, MACRO_LARGE, POOLED, Interval, Outcome
from unmask.metrics import binary
from unmask.metrics.delong import AucTest

VERSION = 1
LEVEL = 0.05
"""Largest corrected p-value of a difference that is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDifference:
    """One metric of a run minus that of the base; None where it is undefined, as for items of one class."""

    metric: str
    base: float | None = None
    run: float | None = None
    difference: float | None = None
    interval: Interval | None = None
    """95 %, from resampled groups; None with fewer than three groups per class."""
    p: float | None = None
    """Two-sided, of the same resamples."""
    corrected: float | None = None
    """`p` after Holm's correction for the runs that are compared."""
    deviation: float | None = None
    """Of an ablation: sample standard deviation of the differences of the seeds."""

    @property
    def is_shown(self) -> bool:
        """The interval leaves out 0 and the corrected p is at most LEVEL."""
        if self.interval is None or self.corrected is None:
            return False
        return not self.interval[0] <= 0 <= self.interval[1] and self.corrected <= LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class RowDifference:
    """A run minus the base on one dataset, as the mean over datasets ("macro") or on all items ("pooled")."""

    name: str
    n_real: int
    n_fake: int
    groups: int
    metrics: tuple[MetricDifference, ...]
    delong: AucTest | None = None
    """DeLong's test of the AUCs, which takes items as independent; None for means over datasets and for one class."""
    delong_corrected: float | None = None

    def get(self, metric: str) -> MetricDifference:
        return next(one for one in self.metrics if one.metric == metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    name: str
    folder: str
    rows: tuple[RowDifference, ...]
    outcome: Outcome
    """By the AUC of the decisive row (`find_decisive`)."""
    meaning: str
    """The result as a sentence."""

    def row(self, name: str) -> RowDifference:
        return next(row for row in self.rows if row.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """Runs minus a base, on the same items."""

    base: str
    base_folder: str
    split: str
    items: int
    item_hash: str
    groups: int
    seed: int
    resamples: int
    runs: tuple[ComparedRun, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {"version": VERSION, **asdict(self)}


def find_decisive(rows: Sequence[RowDifference]) -> RowDifference:
    """The row whose AUC decides: the mean over datasets with enough items, else with both classes, else all items."""
    named = {row.name: row for row in rows}
    first = binary.METRICS[0].name
    chosen = [named[name] for name in (MACRO_LARGE, MACRO) if named[name].get(first).difference is not None]
    return chosen[0] if chosen else named[POOLED]
