"""Paired bootstrap of differences between scorers of the same items: equal draws of whole groups for all of them.

N items, S scorers, P parts (sets of items), B resamples
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmask.metrics.binary import Metric
from unmask.metrics.bootstrap import resample_statistic
from unmask.metrics.weighted_forms import find_weighted_form, repeat_items

# A p-value of 1,000 resamples is at least 0.002, too much to be corrected for 25 tests.
RESAMPLES = 2000
# Of metrics without a weighted form, which take milliseconds per resample.
FEW_RESAMPLES = 500


@dataclass(frozen=True)
class Scores:
    """Scores of N items by one run."""

    score: NDArray[np.float64]
    """(N,) probability of fake."""
    threshold: float


def draw_metric(
    metric: Metric,
    is_fake: NDArray[np.bool_],
    group: NDArray[np.int64],
    scorers: Sequence[Scores],
    parts: Sequence[NDArray[np.bool_]],
    *,
    seed: int,
) -> NDArray[np.float64]:
    """(S, P, B) `metric` of every scorer on every part, NaN where a resample leaves it undefined.

    `is_fake` (N,), `group` (N,) 0..G-1, `parts` (N,) each. Every scorer and every part sees the same draws.
    """
    form = find_weighted_form(metric)
    weighted, count = (form, RESAMPLES) if form else (repeat_items(metric), FEW_RESAMPLES)
    given = [one.score >= one.threshold if metric.needs_threshold else one.score for one in scorers]

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        columns = []
        for part in parts:
            fakes, drawn = is_fake[part], weights[:, part]
            lost = _lack_class(fakes, drawn) if metric.needs_both_classes else np.zeros(len(drawn), np.bool_)
            columns.append([np.where(lost, np.nan, weighted(fakes, values[part], drawn)) for values in given])
        return np.stack([np.stack(column, axis=1) for column in columns], axis=2).reshape(len(weights), -1)

    drawn = resample_statistic(group, statistic, seed=seed, count=count)
    return drawn.reshape(count, len(scorers), len(parts)).transpose(1, 2, 0)


def compute_p_value(draws: NDArray[np.float64]) -> float | None:
    """Two-sided p-value of "the difference is 0" from its resamples (B,); None without any.

    Twice the smaller share of resamples at or beyond 0 (Efron and Tibshirani 1993, "An Introduction to the Bootstrap",
    chapter 15), with 1 added to both counts (Davison and Hinkley 1997, section 4.2), so that it is never 0.
    """
    known = draws[np.isfinite(draws)]
    if not len(known):
        return None
    fewer = min(int((known <= 0).sum()), int((known >= 0).sum()))
    return min(1.0, 2 * (fewer + 1) / (len(known) + 1))


def _lack_class(is_fake: NDArray[np.bool_], weights: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(B,) resamples in which a class has no item."""
    fakes = weights @ is_fake.astype(np.float64)
    lacking: NDArray[np.bool_] = (fakes == 0) | (weights.sum(axis=1) == fakes)
    return lacking
