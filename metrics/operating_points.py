"""Error rates and costs at one threshold: TPR at a given FPR, and the detection costs of ASVspoof 5 (track 1).

N items, T thresholds

Here the fake class is the positive one and a score rises with P(fake). In ASVspoof the bona fide (real) class is the
target and a score rises with the support for it. So ASVspoof's miss, a rejected bona fide file, is our false positive,
and its false acceptance, an accepted spoof, is our false negative; its log-likelihood ratio is ours times -1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

# ASVspoof 5 evaluation plan, track 1, and calculate_metrics.py of its evaluation package.
P_SPOOF, COST_MISS, COST_FALSE_ACCEPTANCE = 0.05, 1.0, 10.0
# Cost of a rejected real file and of an accepted fake one, each weighted by its class's prior: 0.95 and 0.5.
COST_REAL, COST_FAKE = COST_MISS * (1 - P_SPOOF), COST_FALSE_ACCEPTANCE * P_SPOOF
# The cost of the better of the two systems that ignore the file and accept, or reject, all of them.
DEFAULT_COST = min(COST_REAL, COST_FAKE)
BAYES_THRESHOLD = math.log(COST_REAL / COST_FAKE)
"""ln(1.9): a file is rejected as fake if its ln p(file | fake) - ln p(file | real) is above it. ASVspoof's own
log-likelihood ratio is the negative, and its threshold -ln(1.9)."""


def trace_errors(is_fake: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False positive and false negative rate, (T,) each, as the threshold falls from above all scores to the lowest.

    One point per distinct score and one above them. NaN throughout a rate whose class has no item.
    """
    fake, scores = np.asarray(is_fake, np.bool_), np.asarray(score, np.float64)
    if fake.shape != scores.shape or fake.ndim != 1:
        raise ValueError(f"labels of shape {fake.shape}, scores of shape {scores.shape}: expected (N,) of both")
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)  # the last of each run of equal scores
    hits = np.concatenate(([0], np.cumsum(fake[order])[ends]))
    alarms = np.concatenate(([0], ends + 1)) - hits
    with np.errstate(invalid="ignore"):
        return alarms / np.float64((~fake).sum()), 1 - hits / np.float64(fake.sum())


def tpr_at_fpr(is_fake: ArrayLike, score: ArrayLike, most: float) -> float:
    """Share of the fakes found at the best threshold that calls at most `most` (0..1) of the real items fake.

    A threshold that exists, not a point interpolated between two: of fewer than 1 / `most` real items none may be
    called fake. NaN for items of one class.
    """
    alarms, missed = trace_errors(is_fake, score)
    if not np.isfinite([alarms[-1], missed[-1]]).all():
        return math.nan
    # `most` of n items may be a whole number that floats miss by their rounding: 0.07 * 100.
    return float(1 - missed[alarms <= most * (1 + 1e-12)].min())


def tpr_at_1_percent_fpr(is_fake: ArrayLike, score: ArrayLike) -> float:
    """Share of the fakes found while at most 1 % of the real items are called fake."""
    return tpr_at_fpr(is_fake, score, 0.01)


def tpr_at_5_percent_fpr(is_fake: ArrayLike, score: ArrayLike) -> float:
    """Share of the fakes found while at most 5 % of the real items are called fake."""
    return tpr_at_fpr(is_fake, score, 0.05)


def minimum_detection_cost(is_fake: ArrayLike, score: ArrayLike) -> float:
    """minDCF: detection cost at the best threshold, 0 (no error) to 1 (no better than one answer for all files).

    ASVspoof 5, track 1, eq. 3 and 4 of its evaluation plan: min over thresholds of (0.95 FPR + 0.5 FNR) / 0.5, with
    our FPR and FNR (see the top of the file). NaN for items of one class.
    """
    alarms, missed = trace_errors(is_fake, score)
    costs = weigh_errors(alarms, missed)
    return float(costs.min()) if np.isfinite(costs).all() else math.nan


def actual_detection_cost(is_fake: ArrayLike, llr: ArrayLike) -> float:
    """actDCF: `minimum_detection_cost` at the threshold that is right for true log-likelihood ratios.

    `llr` (N,) is ln p(file | fake) - ln p(file | real). What it exceeds minDCF by is lost to calibration, and it may
    exceed 1. NaN for items of one class.
    """
    fake, ratios = np.asarray(is_fake, np.bool_), np.asarray(llr, np.float64)
    if not fake.any() or fake.all():
        return math.nan
    rejected = ratios > BAYES_THRESHOLD
    return float(weigh_errors(rejected[~fake].mean(), (~rejected[fake]).mean()))


def weigh_errors(alarms: NDArray[np.float64], missed: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((COST_REAL * alarms + COST_FAKE * missed) / DEFAULT_COST, np.float64)
