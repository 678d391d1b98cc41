"""Calibration on validation items: temperature, threshold; and how well probabilities fit."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from unmask.metrics.curves import count_errors, trace_roc

# Below 1 a temperature makes the model more certain than it was trained to be. A few validation items that happen to be
# separable would ask for that, and a genuine file of another kind would come out as "fake, 1.000".
COLDEST, HOTTEST = 1.0, 10.0
# Log-normal prior around 1: Guo et al. 2017 and later surveys fit temperatures between 1 and 3, so 2 is one deviation.
# It weighs as much as a handful of items, and nothing beside hundreds.
PRIOR_DEVIATION = math.log(2)
RELIABILITY_BINS = 10


def fit_temperature(is_fake: NDArray[np.bool_], logit: NDArray[np.float64]) -> float:
    """Temperature T >= 1 of sigmoid(logit / T) (Guo et al. 2017); 1 for items of one class.

    The most probable T given the items and the prior above. The targets are those of Platt (1999), (n + 1) / (n + 2)
    for a class of n items instead of 1: seven items of a class that are all right do not show a certainty beyond 8/9.
    """
    from scipy.optimize import minimize_scalar  # here, because a prediction would wait for it and not use it

    fakes = int(np.count_nonzero(is_fake))
    reals = len(is_fake) - fakes
    if not fakes or not reals:
        return 1.0
    target = np.where(is_fake, (fakes + 1) / (fakes + 2), 1 / (reals + 2))

    def loss(power: float) -> float:
        scaled = logit / math.exp(power)
        return float(np.sum(np.logaddexp(0.0, scaled) - target * scaled)) + (power / PRIOR_DEVIATION) ** 2 / 2

    low, high = math.log(COLDEST), math.log(HOTTEST)
    best = minimize_scalar(loss, bounds=(low, high), method="bounded")
    # The search stays inside its bounds.
    return COLDEST if loss(low) <= best.fun else math.exp(best.x)


def limit_temperature(temperature: float, threshold: float) -> tuple[float, float]:
    """Both of a run of an earlier version, which could be below 1: every verdict stays, scores become less certain."""
    if temperature >= COLDEST or not 0 < threshold < 1:
        return max(temperature, COLDEST), threshold
    logit = math.log(threshold / (1 - threshold)) * temperature / COLDEST
    return COLDEST, 1 / (1 + math.exp(-logit))


def fit_threshold(is_fake: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    """Threshold of the best balanced accuracy (Youden's J), halfway between two items; 0.5 for items of one class.

    Among equally good thresholds, the one nearest to 0.5.
    """
    if len(np.unique(is_fake)) < 2:
        return 0.5
    counts = count_errors(is_fake, probability)
    alarms, hits = trace_roc(counts)
    cuts = np.concatenate(([np.inf], counts.thresholds))
    lower = np.append(cuts[1:], 0.0)
    between = (np.minimum(cuts, 1.0) + lower) / 2
    youden = hits - alarms
    best = np.flatnonzero(youden >= youden.max() - 1e-12)
    return float(between[best[np.argmin(np.abs(between[best] - 0.5))]])


def cross_entropy(is_fake: NDArray[np.bool_], logit: NDArray[np.float64]) -> float:
    """Mean, in nats; NaN for no items."""
    return float(np.mean(_list_losses(is_fake, logit))) if len(logit) else float("nan")


def measure_loss_error(is_fake: NDArray[np.bool_], logit: NDArray[np.float64]) -> float:
    """Standard error of the mean cross-entropy, in nats; NaN for fewer than two items."""
    return float(np.std(_list_losses(is_fake, logit), ddof=1) / math.sqrt(len(logit))) if len(logit) > 1 else math.nan


def _list_losses(is_fake: NDArray[np.bool_], logit: NDArray[np.float64]) -> NDArray[np.float64]:
    losses: NDArray[np.float64] = np.logaddexp(0.0, np.where(is_fake, -logit, logit))
    return losses


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
