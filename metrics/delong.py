"""DeLong's variance of an AUC and test of two AUCs on the same items.

DeLong, DeLong and Clarke-Pearson 1988, "Comparing the areas under two or more correlated receiver operating
characteristic curves"; midranks give the placement values in O(N log N) (Sun and Xu 2014). Items count as independent:
where several belong to one identity or recording, the variance is too small, and the bootstrap over groups is right.

N items: M fakes, R reals
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from unmask.metrics.bootstrap import LEVEL, Interval


@dataclass(frozen=True, slots=True)
class AucTest:
    """Difference of two AUCs, first minus second."""

    difference: float
    error: float
    """Standard error of the difference."""
    interval: Interval
    p: float | None
    """Two-sided, of "the AUCs are equal"; None for different AUCs without any variance, where the test is undefined."""


def estimate_auc_variance(is_fake: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[float, float]:
    """AUC and its variance from `is_fake` (N,) and `score` (N,); the variance is NaN with one item of a class."""
    placements = [_place(is_fake, score)]
    return float(placements[0][0].mean()), float(_covary(placements)[0, 0])


def compare_aucs(
    is_fake: NDArray[np.bool_], first: NDArray[np.float64], second: NDArray[np.float64], level: float = LEVEL
) -> AucTest | None:
    """Paired test of the scores `first` and `second` (N,) of the same items; None with fewer than two of a class."""
    fakes = int(is_fake.sum())
    if min(fakes, len(is_fake) - fakes) < 2:
        return None
    placements = [_place(is_fake, first), _place(is_fake, second)]
    difference = float(placements[0][0].mean() - placements[1][0].mean())
    covariance = _covary(placements)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    # Of equal scores, the sum leaves a rest of rounding, of either sign.
    error = math.sqrt(variance) if variance > 1e-15 else 0.0
    half = float(stats.norm.ppf((1 + level) / 2)) * error
    if error:
        p: float | None = float(2 * stats.norm.sf(abs(difference) / error))
    else:
        p = 1.0 if math.isclose(difference, 0.0, abs_tol=1e-12) else None
    return AucTest(difference, error, (difference - half, difference + half), p)


def _place(is_fake: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Placement values: (M,) share of the reals below each fake, (R,) share of the fakes above each real; ties half."""
    ranks = stats.rankdata(score)
    fakes, reals = score[is_fake], score[~is_fake]
    below = (ranks[is_fake] - stats.rankdata(fakes)) / len(reals)
    above = 1 - (ranks[~is_fake] - stats.rankdata(reals)) / len(fakes)
    return below, above


def _covary(placements: list[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> NDArray[np.float64]:
    """(K, K) covariance of the K AUCs; NaN with one item of a class."""
    total = np.zeros((len(placements), len(placements)))
    for side in zip(*placements, strict=True):
        values = np.stack(side)
        count = values.shape[1]
        total += np.cov(values).reshape(total.shape) / count if count > 1 else np.nan
    return total
