"""Metrics of weighted items, for the bootstrap: each resample is a row of weights, so no item is copied.

N items, B resamples, U different scores
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from unmask.metrics.binary import ECE_BINS, Metric, Weighted
from unmask.metrics.bootstrap import divide
from unmask.metrics.operating_points import weigh_errors

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]


def find_weighted_form(metric: Metric) -> Weighted | None:
    """(is_fake (N,), score or called_fake (N,), weights (B, N)) -> (B,) values; None: use `repeat_items`."""
    return metric.weighted or FORMS.get(metric.name)


def repeat_items(metric: Metric) -> Weighted:
    """The metric computed on the items repeated by whole weights: for any metric; slower than a weighted form."""

    def measure(is_fake: Flags, score: NDArray[np.generic], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([_measure_repeated(metric, is_fake, score, times) for times in weights.astype(np.int64)])

    return measure


def weigh_equal_error_rate(is_fake: Flags, score: Scores, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """As `binary.equal_error_rate`: the crossing of the line between the last two points of the ROC curve."""
    if len(score) == 0:
        return np.full(len(weights), np.nan)
    alarmed, found = _trace_rates(is_fake, score, weights)
    missed = 1 - found
    rows = np.arange(len(weights))
    after = np.maximum(np.argmax(missed <= alarmed, axis=1), 1)
    before = after - 1
    gap_before = missed[rows, before] - alarmed[rows, before]
    gap_after = alarmed[rows, after] - missed[rows, after]
    share = divide(gap_before, gap_before + gap_after)
    rate = missed[rows, before] + share * (missed[rows, after] - missed[rows, before])
    return np.where(np.isfinite(alarmed[:, -1] + found[:, -1]), rate, np.nan)


def weigh_average_precision(is_fake: Flags, score: Scores, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """As scikit-learn's: the precision at each score, weighted by the recall that it adds."""
    if len(score) == 0:
        return np.full(len(weights), np.nan)
    hits, alarms = _sum_above(is_fake, score, weights)
    precision = np.nan_to_num(divide(hits[:, 1:], hits[:, 1:] + alarms[:, 1:]))
    area = divide((np.diff(hits, axis=1) * precision).sum(axis=1), hits[:, -1])
    return np.where(alarms[:, -1] > 0, area, np.nan)


def weigh_accuracy(is_fake: Flags, called_fake: Flags, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return divide(_sum_of(is_fake == called_fake, weights), weights.sum(axis=1))


def weigh_precision(is_fake: Flags, called_fake: Flags, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return divide(_sum_of(is_fake & called_fake, weights), _sum_of(called_fake, weights))


def weigh_recall(is_fake: Flags, called_fake: Flags, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return divide(_sum_of(is_fake & called_fake, weights), _sum_of(is_fake, weights))


def weigh_f1(is_fake: Flags, called_fake: Flags, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    fakes = _sum_of(is_fake, weights)
    value = divide(2 * _sum_of(is_fake & called_fake, weights), fakes + _sum_of(called_fake, weights))
    return np.where(fakes > 0, value, np.nan)


def weigh_calibration_error(is_fake: Flags, probability: Scores, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """As `binary.calibration_error`, over ECE_BINS equal bins."""
    position = np.minimum((probability * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    excess = np.zeros((len(probability), ECE_BINS))
    excess[np.arange(len(probability)), position] = probability - is_fake
    return divide(np.abs(weights @ excess).sum(axis=1), weights.sum(axis=1))


def weigh_brier_score(is_fake: Flags, probability: Scores, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean squared distance of the probability from the label (Brier 1950)."""
    return divide(weights @ (probability - is_fake) ** 2, weights.sum(axis=1))


def weigh_tpr_at_fpr(
    is_fake: Flags, score: Scores, weights: NDArray[np.float64], *, most: float
) -> NDArray[np.float64]:
    """Share of the fakes found at the best threshold that calls at most `most` (0..1) of the reals fake."""
    alarmed, found = _trace_rates(is_fake, score, weights)
    # As many reals as allowed may be a whole number that floats miss by their rounding.
    best = np.where(alarmed <= most * (1 + 1e-12), found, 0.0).max(axis=1)
    return np.where(np.isfinite(alarmed[:, -1] + found[:, -1]), best, np.nan)


def weigh_minimum_detection_cost(is_fake: Flags, score: Scores, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """As `operating_points.minimum_detection_cost`."""
    alarmed, found = _trace_rates(is_fake, score, weights)
    costs: NDArray[np.float64] = weigh_errors(alarmed, 1 - found).min(axis=1)
    return costs


FORMS: dict[str, Weighted] = {
    "eer": weigh_equal_error_rate,
    "ap": weigh_average_precision,
    "accuracy": weigh_accuracy,
    "precision": weigh_precision,
    "recall": weigh_recall,
    "f1": weigh_f1,
    "ece": weigh_calibration_error,
    "brier": weigh_brier_score,
    "tpr_at_fpr_1": partial(weigh_tpr_at_fpr, most=0.01),
    "tpr_at_fpr_5": partial(weigh_tpr_at_fpr, most=0.05),
    "min_dcf": weigh_minimum_detection_cost,
}
"""By the names of METRICS without `weighted`, which would give them an interval in every evaluation too."""


def _measure_repeated(metric: Metric, is_fake: Flags, score: NDArray[np.generic], times: NDArray[np.int64]) -> float:
    repeated = np.repeat(is_fake, times)
    if not len(repeated) or (metric.needs_both_classes and len(np.unique(repeated)) < 2):
        return float("nan")
    return metric.function(repeated, np.repeat(score, times))


def _trace_rates(
    is_fake: Flags, score: Scores, weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(B, U + 1) false and true positive rate as the threshold falls; NaN throughout without the class."""
    hits, alarms = _sum_above(is_fake, score, weights)
    with np.errstate(invalid="ignore"):
        return alarms / alarms[:, -1:], hits / hits[:, -1:]


def _sum_above(
    is_fake: Flags, score: Scores, weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(B, U + 1) weight of the fakes and of the reals at or above each score, from none to all, as in a ROC curve."""
    order = np.argsort(-score, kind="stable")
    fakes, drawn = is_fake[order], weights[:, order]
    starts = np.flatnonzero(np.diff(score[order], prepend=np.nan) != 0)  # the first of each run of equal scores
    sums = [np.cumsum(np.add.reduceat(drawn * side, starts, axis=1), axis=1) for side in (fakes, ~fakes)]
    hits, alarms = (np.pad(one, ((0, 0), (1, 0))) for one in sums)
    return hits, alarms


def _sum_of(chosen: Flags, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    total: NDArray[np.float64] = weights @ chosen.astype(np.float64)
    return total
