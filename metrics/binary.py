"""Metrics, each from (is_fake, score): which of N items are fake, and a number that is higher the more fake it looks.

A metric that one class alone does not define is NaN, never 0.5: an average over datasets then leaves it out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

ECE_BINS = 15

NAMES = ("auc", "eer", "ap", "accuracy", "balanced_accuracy", "precision", "recall", "f1", "ece")


def auc(is_fake: ArrayLike, score: ArrayLike) -> float:
    """Chance that a fake scores above a real one, ties half."""
    fake, score = _arrays(is_fake, score)
    return float(roc_auc_score(fake, score)) if _both(fake) else math.nan


def equal_error_rate(is_fake: ArrayLike, score: ArrayLike) -> float:
    """Where the share of missed fakes equals the share of false alarms, interpolated between the ROC's points."""
    fake, score = _arrays(is_fake, score)
    if not _both(fake):
        return math.nan
    alarms, hits, _ = roc_curve(fake, score, drop_intermediate=False)
    missed = 1.0 - hits
    after = int(np.argmax(missed <= alarms))
    before = after - 1
    gap_before, gap_after = missed[before] - alarms[before], alarms[after] - missed[after]
    part = gap_before / (gap_before + gap_after)
    return float(missed[before] + part * (missed[after] - missed[before]))


def average_precision(is_fake: ArrayLike, score: ArrayLike) -> float:
    fake, score = _arrays(is_fake, score)
    return float(average_precision_score(fake, score)) if _both(fake) else math.nan


def calibration_error(is_fake: ArrayLike, probability: ArrayLike, bins: int = ECE_BINS) -> float:
    """ECE: mean distance of predicted and observed share of fakes over `bins` equal bins, weighted by their items."""
    fake, probability = _arrays(is_fake, probability)
    if not len(fake):
        return math.nan
    inside = np.minimum((probability * bins).astype(int), bins - 1)
    gaps = np.bincount(inside, probability, bins) - np.bincount(inside, fake, bins)
    return float(np.abs(gaps).sum() / len(fake))


def accuracy(is_fake: ArrayLike, called_fake: ArrayLike) -> float:
    hits, misses, alarms, passed = confusion(is_fake, called_fake)
    return _ratio(hits + passed, hits + misses + alarms + passed)


def balanced_accuracy(is_fake: ArrayLike, called_fake: ArrayLike) -> float:
    """Mean of the shares of fakes and of reals that are called right."""
    hits, misses, alarms, passed = confusion(is_fake, called_fake)
    return (_ratio(hits, hits + misses) + _ratio(passed, passed + alarms)) / 2


def precision(is_fake: ArrayLike, called_fake: ArrayLike) -> float:
    hits, _, alarms, _ = confusion(is_fake, called_fake)
    return _ratio(hits, hits + alarms)


def recall(is_fake: ArrayLike, called_fake: ArrayLike) -> float:
    hits, misses, _, _ = confusion(is_fake, called_fake)
    return _ratio(hits, hits + misses)


def f1(is_fake: ArrayLike, called_fake: ArrayLike) -> float:
    """Of the class fake. NaN without a fake: there is nothing to find."""
    hits, misses, alarms, _ = confusion(is_fake, called_fake)
    return _ratio(2 * hits, 2 * hits + misses + alarms) if hits + misses else math.nan


def confusion(is_fake: ArrayLike, called_fake: ArrayLike) -> tuple[int, int, int, int]:
    """Fakes called fake, fakes called real, reals called fake, reals called real."""
    fake, called = _arrays(is_fake, called_fake)
    fakes, calls = fake > 0, called > 0
    return (
        int((fakes & calls).sum()),
        int((fakes & ~calls).sum()),
        int((~fakes & calls).sum()),
        int((~fakes & ~calls).sum()),
    )


def measure(is_fake: ArrayLike, probability: ArrayLike, threshold: float = 0.5) -> dict[str, float]:
    """Every metric of NAMES; an item is called fake from `threshold` on."""
    called = np.asarray(probability) >= threshold
    values = (
        auc(is_fake, probability),
        equal_error_rate(is_fake, probability),
        average_precision(is_fake, probability),
        accuracy(is_fake, called),
        balanced_accuracy(is_fake, called),
        precision(is_fake, called),
        recall(is_fake, called),
        f1(is_fake, called),
        calibration_error(is_fake, probability),
    )
    return dict(zip(NAMES, values, strict=True))


def by_domain(
    is_fake: NDArray[np.bool_],
    probability: NDArray[np.float64],
    domain: NDArray[np.int64],
    datasets: tuple[str, ...],
    threshold: float = 0.5,
) -> dict[str, dict[str, float]]:
    """Dataset -> its metrics, with `items` and `fakes`; only datasets that have items."""
    rows = {}
    for number in np.unique(domain).tolist():
        own = domain == number
        counts = {"items": float(own.sum()), "fakes": float(is_fake[own].sum())}
        rows[datasets[number]] = counts | measure(is_fake[own], probability[own], threshold)
    return rows


def macro(rows: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each metric over the datasets that define it; NaN where none does."""
    listed = list(rows)
    return {name: _mean([row[name] for row in listed]) for name in NAMES}


def _mean(values: list[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _both(fake: NDArray[np.float64]) -> bool:
    return len(np.unique(fake)) == 2


def _arrays(is_fake: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    fake, scores = np.asarray(is_fake, np.float64), np.asarray(score, np.float64)
    if fake.shape != scores.shape or fake.ndim != 1:
        raise ValueError(f"{fake.shape} labels for {scores.shape} scores: one of each an item")
    return fake, scores
