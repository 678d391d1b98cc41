"""Platt's line on resampled groups of items: how far an LLR depends on which items it was fitted on.

N items, B resamples
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unmask.metrics.bootstrap import RESAMPLES, resample_statistic

# Newton's method on two parameters; the targets keep the fit finite, so that it is there after a few of these.
STEPS = 40
LONGEST_STEP = 2.0
# Of a Hessian whose items all lie on one spot.
RIDGE = 1e-9


def resample_platt(
    is_fake: NDArray[np.bool_],
    logit: NDArray[np.float64],
    group: NDArray[np.int64],
    *,
    seed: int,
    count: int = RESAMPLES,
) -> NDArray[np.float64]:
    """(B, 2) slope and offset of LLR = slope * logit + offset, fitted as `fit_platt` on each resample of the groups.

    Without the resamples that lost a class: B is at most `count`.
    """

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return fit_weighted_platt(is_fake, logit, weights)

    lines = resample_statistic(group, statistic, seed=seed, count=count)
    return lines[np.isfinite(lines[:, 0])]


def fit_weighted_platt(
    is_fake: NDArray[np.bool_], logit: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(B, 2) slope (at least 0) and offset of items (N,) with `weights` (B, N); NaN where a class has no weight.

    Each class weighs one half, and the targets are Platt's, as in `likelihood_ratios.fit_platt`.
    """
    center, spread = float(logit.mean()), float(logit.std()) or 1.0
    scaled = (logit - center) / spread
    fakes, reals = weights @ is_fake.astype(np.float64), weights @ (~is_fake).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = weights * np.where(is_fake, 0.5 / fakes[:, None], 0.5 / reals[:, None])
    high, low = (fakes + 1) / (fakes + 2), 1 / (reals + 2)
    target = np.where(is_fake, high[:, None], low[:, None])
    slope, offset = _climb(scaled, target, weight)
    # A falling line is none: the best level one gives every logit the same LLR.
    level = (high + low) / 2
    falling = slope < 0
    slope = np.where(falling, 0.0, slope)
    offset = np.where(falling, np.log(level) - np.log1p(-level), offset)
    lines = np.stack([slope / spread, offset - slope * center / spread], axis=1)
    lines[(fakes == 0) | (reals == 0)] = np.nan
    return lines


def _climb(
    scaled: NDArray[np.float64], target: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(B,) slopes and (B,) offsets with the least cross entropy to `target` (B, N) under `weight` (B, N)."""
    slope, offset = np.zeros(len(weight)), np.zeros(len(weight))
    for _ in range(STEPS):
        fitted = 0.5 * (1 + np.tanh(0.5 * (slope[:, None] * scaled + offset[:, None])))
        error, curve = weight * (fitted - target), weight * fitted * (1 - fitted)
        first, second = error @ scaled, error.sum(axis=1)
        a, b, d = curve @ scaled**2 + RIDGE, curve @ scaled, curve.sum(axis=1) + RIDGE
        determinant = a * d - b * b
        steps = np.stack([d * first - b * second, a * second - b * first]) / determinant
        steps *= np.minimum(1, LONGEST_STEP / np.maximum(np.abs(steps).max(axis=0), 1e-300))
        slope, offset = slope - steps[0], offset - steps[1]
        if not (np.abs(steps) > 1e-10).any():
            break
    return slope, offset
