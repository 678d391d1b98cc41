"""Bootstrap intervals: whole groups are resampled, because the items of one group are not independent.

N items, G groups, B resamples
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
# Weights in memory at once: 64 MB of float64. A large test set takes more time, not more memory.
BLOCK = 8_000_000
# With one or two groups per class, every resample is nearly the same set and the interval is too narrow.
GROUPS_PER_CLASS = 3
LEVEL = 0.95

Interval = tuple[float, float]
Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""(B, N) weights, how often each item was drawn -> (B, K) values, NaN where one is undefined."""


def resample_statistic(
    group: NDArray[np.int64], statistic: Statistic, *, seed: int, count: int = RESAMPLES
) -> NDArray[np.float64]:
    """(count, K) values of `statistic` over resamples of the groups; `group` (N,) is 0..G-1."""
    number = int(group.max()) + 1
    random = np.random.default_rng(seed)
    step = max(1, BLOCK // max(1, len(group)))
    blocks = []
    for start in range(0, count, step):
        size = min(step, count - start)
        drawn = random.integers(number, size=(size, number)) + np.arange(size)[:, None] * number
        times = np.bincount(drawn.ravel(), minlength=size * number).reshape(size, number)
        blocks.append(statistic(times[:, group].astype(np.float64)))
    return np.concatenate(blocks)


def compute_weighted_auc(
    is_fake: NDArray[np.bool_], score: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(B,) probability that a fake item scores above a real one, ties counting half; NaN if a class is absent.

    `is_fake` (N,), `score` (N,), `weights` (B, N).
    """
    if len(score) == 0:
        return np.full(len(weights), np.nan)
    order = np.argsort(score, kind="stable")
    fakes = is_fake[order]
    starts = np.flatnonzero(np.diff(score[order], prepend=np.nan) != 0)  # the first of each run of equal scores
    drawn = weights[:, order]
    real = np.add.reduceat(drawn * ~fakes, starts, axis=1)
    fake = np.add.reduceat(drawn * fakes, starts, axis=1)
    below = np.cumsum(real, axis=1) - real / 2
    return divide((fake * below).sum(axis=1), real.sum(axis=1) * fake.sum(axis=1))


def compute_weighted_balanced_accuracy(
    is_fake: NDArray[np.bool_], called_fake: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(B,) mean of the recalls of the fake and of the real class; NaN if a class is absent."""
    fakes = divide(weights @ (is_fake & called_fake), weights @ is_fake.astype(np.float64))
    reals = divide(weights @ (~is_fake & ~called_fake), weights @ (~is_fake).astype(np.float64))
    return (fakes + reals) / 2


def compute_interval(
    values: NDArray[np.float64],
    point: float,
    is_fake: NDArray[np.bool_],
    group: NDArray[np.int64],
    level: float = LEVEL,
) -> Interval | None:
    """Percentile interval of `values` (B,); None with too few groups per class.

    Widened to contain `point`, which a skewed bootstrap of few groups can miss.
    """
    valid = values[np.isfinite(values)]
    fewest = min(len(np.unique(group[is_fake])), len(np.unique(group[~is_fake])))
    if fewest < GROUPS_PER_CLASS or len(valid) < len(values) / 2 or not np.isfinite(point):
        return None
    low, high = np.quantile(valid, [(1 - level) / 2, (1 + level) / 2])
    return min(float(low), point), max(float(high), point)


def average_resamples(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B, D) -> (B,) mean over the datasets, per resample without those that lost a class in it; NaN without any."""
    present = np.isfinite(values)
    return divide(np.where(present, values, 0.0).sum(axis=1), present.sum(axis=1))


def divide(above: NDArray[np.float64], below: NDArray[np.number[Any]]) -> NDArray[np.float64]:
    """NaN where `below` is not above 0."""
    out = np.full(below.shape, np.nan)
    np.divide(above, below, out=out, where=below > 0)
    return out
