"""Calibration of scores: temperature and threshold fitted on validation items, and how well probabilities fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.metrics import roc_curve

# Without bounds, a validation set that happens to be separable would drive the temperature to 0, and every probability
# to 0 or 1.
COLDEST, HOTTEST = 0.5, 10.0
RELIABILITY_BINS = 10


def fit_temperature(is_fake: NDArray[np.bool_], logit: NDArray[np.float64]) -> float:
    """T that minimizes the mean cross-entropy of sigmoid(logit / T) (Guo et al. 2017); 1 for items of one class."""
    if len(np.unique(is_fake)) < 2:
        return 1.0
    bounds = (float(np.log(COLDEST)), float(np.log(HOTTEST)))
    best = minimize_scalar(lambda power: cross_entropy(is_fake, logit / np.exp(power)), bounds=bounds, method="bounded")
    return float(np.exp(best.x))


def fit_threshold(is_fake: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    """Threshold of the best balanced accuracy (Youden's J), halfway between two items; 0.5 for items of one class.

    Among equally good thresholds, the one nearest to 0.5.
    """
    if len(np.unique(is_fake)) < 2:
        return 0.5
    alarms, hits, cuts = roc_curve(is_fake, probability, drop_intermediate=False)
    lower = np.append(cuts[1:], 0.0)
    between = (np.minimum(cuts, 1.0) + lower) / 2
    youden = hits - alarms
    best = np.flatnonzero(youden >= youden.max() - 1e-12)
    return float(between[best[np.argmin(np.abs(between[best] - 0.5))]])


def cross_entropy(is_fake: NDArray[np.bool_], logit: NDArray[np.float64]) -> float:
    """Mean, in nats; NaN for no items."""
    return float(np.mean(np.logaddexp(0.0, np.where(is_fake, -logit, logit)))) if len(logit) else float("nan")


def bin_reliability(is_fake: NDArray[np.bool_], probability: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """Mean probability and share of fakes in each of ten equal bins that contains items."""
    predicted, observed, counts = sum_bins(is_fake, probability, RELIABILITY_BINS)
    filled = counts > 0
    return (predicted[filled] / counts[filled]).tolist(), (observed[filled] / counts[filled]).tolist()


def sum_bins(
    is_fake: NDArray[np.generic], probability: NDArray[np.float64], bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Sum of probabilities, number of fakes and number of items in each of `bins` equal bins of 0..1, (bins,) each."""
    position = np.minimum((probability * bins).astype(np.int64), bins - 1)
    predicted = np.bincount(position, probability, bins).astype(np.float64)
    observed = np.bincount(position, is_fake.astype(np.float64), bins).astype(np.float64)
    return predicted, observed, np.bincount(position, minlength=bins)
