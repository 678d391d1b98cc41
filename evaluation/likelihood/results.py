"""Log-likelihood ratios of an evaluation, as they stand in `evaluation.json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from unmask.metrics.bootstrap import Interval
from unmask.metrics.likelihood_ratios import Method

CHOSEN: Method = "platt"
"""Of the column `llr` in predictions.parquet. Two parameters: it needs the fewest validation items."""
FEWEST = 5
"""Validation items of each class below which nothing is fitted: no LR beyond 5 could be supported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodRow:
    """The LLRs of one method on the items of the split, all datasets together. Figures are None for one class."""

    method: Method
    lowest: float
    highest: float
    """Bounds of the LLR (natural logarithm) that the validation items support; at most 0 and at least 0."""
    cllr: float | None
    """Bits: 0 is perfect, 1 says nothing, above 1 misleads."""
    cllr_interval: Interval | None
    """95 %, from resampled groups; None with fewer than three groups per class too."""
    cllr_min: float | None
    """Bits, after the best monotone transform of these LLRs."""
    act_dcf: float | None
    min_dcf: float | None
    """Detection costs with the parameters of ASVspoof 5, track 1; 1 is the cost of one answer for all files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    validation_real: int
    validation_fake: int
    """Validation items that the LLRs were fitted on."""
    n_real: int
    n_fake: int
    """Items of the split that the figures are of."""
    rows: tuple[LikelihoodRow, ...] = ()
    """One per method; empty where there is a `reason`."""
    chosen: Method = CHOSEN
    reason: str = ""
    """Why there are no LLRs; "" where there are."""

    @property
    def row(self) -> LikelihoodRow | None:
        """Of the chosen method."""
        return next((row for row in self.rows if row.method == self.chosen), None)


def read_likelihood(value: dict[str, Any] | None) -> Likelihood | None:
    """From `evaluation.json`; None in those of earlier versions."""
    if value is None:
        return None
    rows = tuple(_read_row(row) for row in value["rows"])
    return Likelihood(**{**value, "rows": rows})


def _read_row(value: dict[str, Any]) -> LikelihoodRow:
    span = value["cllr_interval"]
    return LikelihoodRow(**{**value, "cllr_interval": span and (span[0], span[1])})
