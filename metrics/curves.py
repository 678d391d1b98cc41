"""Curves of scores against labels, as points to draw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 10


def roc(is_fake: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """False alarms and fakes found (0..1) as the threshold falls, equal scores in one step. Needs both classes."""
    order = np.argsort(-score, kind="stable")
    found, alarms = np.cumsum(is_fake[order]), np.cumsum(~is_fake[order])
    ends = np.append(np.diff(score[order]) != 0, True)
    found, alarms = np.append(0, found[ends]), np.append(0, alarms[ends])
    return (alarms / alarms[-1]).tolist(), (found / found[-1]).tolist()


def reliability(is_fake: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[list[float], list[float], list[int]]:
    """Mean score, share of fakes and number of items in each of ten equal bins that holds any."""
    position = np.minimum((score * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(position, minlength=BINS)
    held = counts > 0
    means = np.bincount(position, score, BINS)[held] / counts[held]
    shares = np.bincount(position, is_fake.astype(np.float64), BINS)[held] / counts[held]
    return means.tolist(), shares.tolist(), counts[held].tolist()


def shares(score: NDArray[np.float64], bins: int = 20) -> list[float]:
    """Share of the scores in each of `bins` equal bins of 0..1; all 0 without scores."""
    counts, _ = np.histogram(score, bins, (0.0, 1.0))
    return [count / max(1, len(score)) for count in counts.tolist()]
