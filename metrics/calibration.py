"""Two numbers fitted on validation items: a temperature for the probabilities, and the threshold of a verdict."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.metrics import roc_curve

# Wider, a validation set that happens to be separable would drive the temperature to 0, and every verdict to certainty.
COLDEST, HOTTEST = 0.5, 10.0


def fit_temperature(is_fake: NDArray[np.bool_], logit: NDArray[np.float64]) -> float:
    """T that minimises the mean cross-entropy of sigmoid(logit / T) (Guo et al. 2017); 1 with one class alone."""
    if len(np.unique(is_fake)) < 2:
        return 1.0
    bounds = (float(np.log(COLDEST)), float(np.log(HOTTEST)))
    best = minimize_scalar(lambda power: cross_entropy(is_fake, logit / np.exp(power)), bounds=bounds, method="bounded")
    return float(np.exp(best.x))


def fit_threshold(is_fake: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    """Threshold of the best balanced accuracy (Youden's J), halfway between two items; 0.5 with one class alone.

    Of equally good ones the nearest to 0.5.
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
