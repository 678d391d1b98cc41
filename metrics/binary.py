"""Binary metrics from (is_fake, score): labels and scores of N items, a higher score being more likely fake.

METRICS lists every metric once; evaluation.json, the tables, the report, the ablation and the training lines follow it.
A metric that items of one class leave undefined is NaN, never 0.5, so that averages over datasets leave it out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unmask.metrics.bootstrap import compute_weighted_auc, compute_weighted_balanced_accuracy
from unmask.metrics.calibration import sum_bins
from unmask.metrics.curves import count_errors, measure_auc, measure_average_precision, trace_roc
from unmask.metrics.operating_points import minimum_detection_cost, tpr_at_1_percent_fpr, tpr_at_5_percent_fpr

ECE_BINS = 15
# Items of each class. The AUC of two real and two fake items takes only five values.
ENOUGH_ITEMS = 5

Summary = Literal["macro", "macro 5+", "pooled"]
"""The mean over datasets, over those with ENOUGH_ITEMS of each class, or all items together."""
Weighted = Callable[[NDArray[np.bool_], NDArray[Any], NDArray[np.float64]], NDArray[np.float64]]
"""(is_fake (N,), score or called_fake (N,), weights (B, N)) -> (B,) values, NaN where one is undefined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric, and where it is shown."""

    name: str
    """Key in evaluation.json and metrics.jsonl."""
    title: str
    function: Callable[[ArrayLike, ArrayLike], float]
    """(is_fake, score), or (is_fake, called_fake) if `needs_threshold`."""
    short: str = ""
    """Heading in the terminal's tables; "" for the title."""
    needs_threshold: bool = False
    needs_both_classes: bool = False
    """Tables show none for items of one class: a precision of 1 without any real item says nothing."""
    needs_probability: bool = False
    """Undefined for scores that are no probabilities, such as the log-likelihood ratios of another system."""
    lower_is_better: bool = False
    weighted: Weighted | None = None
    """The same metric of weighted items. With it, the metric gets a bootstrap interval."""
    cards: tuple[Summary, ...] = ()
    """Figures of the cards at the top of the report."""
    ablation: tuple[Summary, ...] = ()
    """Columns of the ablation table."""
    terminal: bool = True
    """Is a column of the terminal's table and of the report's first one; the others are in a second table there."""
    per_epoch: bool = True
    """Is computed at every validation, for metrics.jsonl and TensorBoard. False for what only evaluations need."""

    def __call__(self, is_fake: ArrayLike, score: ArrayLike, threshold: float) -> float:
        return self.function(is_fake, np.asarray(score) >= threshold if self.needs_threshold else score)

    @property
    def heading(self) -> str:
        return self.short or self.title


def auc(is_fake: ArrayLike, score: ArrayLike) -> float:
    """Probability that a fake item scores above a real one, ties counting half."""
    fake, score = _check_arrays(is_fake, score)
    return measure_auc(count_errors(fake, score)) if _has_both(fake) else math.nan


def equal_error_rate(is_fake: ArrayLike, score: ArrayLike) -> float:
    """Rate at which missed fakes and false alarms are equal, interpolated between the points of the ROC curve."""
    fake, score = _check_arrays(is_fake, score)
    if not _has_both(fake):
        return math.nan
    alarms, hits = trace_roc(count_errors(fake, score))
    missed = 1.0 - hits
    after = int(np.argmax(missed <= alarms))
    before = after - 1
    gap_before, gap_after = missed[before] - alarms[before], alarms[after] - missed[after]
    share = gap_before / (gap_before + gap_after)
    return float(missed[before] + share * (missed[after] - missed[before]))


def average_precision(is_fake: ArrayLike, score: ArrayLike) -> float:
    fake, score = _check_arrays(is_fake, score)
    return measure_average_precision(count_errors(fake, score)) if _has_both(fake) else math.nan


def calibration_error(is_fake: ArrayLike, probability: ArrayLike, bins: int = ECE_BINS) -> float:
    """ECE: mean distance of predicted and observed share of fakes over `bins` equal bins, weighted by their items."""
    fake, probability = _check_arrays(is_fake, probability)
    if not len(fake):
        return math.nan
    predicted, observed, _ = sum_bins(fake, probability, bins)
    return float(np.abs(predicted - observed).sum() / len(fake))


def brier_score(is_fake: ArrayLike, probability: ArrayLike) -> float:
    """Mean squared distance of the probability of fake from the label (Brier 1950); a constant 0.5 has 0.25."""
    fake, probability = _check_arrays(is_fake, probability)
    return float(np.mean((probability - fake) ** 2)) if len(fake) else math.nan


# The same figures as scikit-learn's, which take 100 times as long: 40 ms of each epoch's validation on nine datasets.


def accuracy(is_fake: ArrayLike, called_fake: ArrayLike) -> float:
    hits, misses, alarms, passed = confusion(is_fake, called_fake)
    return _divide(hits + passed, hits + misses + alarms + passed)


def balanced_accuracy(is_fake: ArrayLike, called_fake: ArrayLike) -> float:
    """Mean of the recalls of the fake and of the real class."""
    hits, misses, alarms, passed = confusion(is_fake, called_fake)
    return (_divide(hits, hits + misses) + _divide(passed, passed + alarms)) / 2


def precision(is_fake: ArrayLike, called_fake: ArrayLike) -> float:
    hits, _, alarms, _ = confusion(is_fake, called_fake)
    return _divide(hits, hits + alarms)


def recall(is_fake: ArrayLike, called_fake: ArrayLike) -> float:
    hits, misses, _, _ = confusion(is_fake, called_fake)
    return _divide(hits, hits + misses)


def f1(is_fake: ArrayLike, called_fake: ArrayLike) -> float:
    """F1 of the fake class; NaN without a fake item."""
    hits, misses, alarms, _ = confusion(is_fake, called_fake)
    return _divide(2 * hits, 2 * hits + misses + alarms) if hits + misses else math.nan


def confusion(is_fake: ArrayLike, called_fake: ArrayLike) -> tuple[int, int, int, int]:
    """Fakes called fake, fakes called real, reals called fake, reals called real."""
    fake, called = _check_arrays(is_fake, called_fake)
    fakes, calls = fake > 0, called > 0
    return (
        int((fakes & calls).sum()),
        int((fakes & ~calls).sum()),
        int((~fakes & calls).sum()),
        int((~fakes & ~calls).sum()),
    )


METRICS: tuple[Metric, ...] = (
    Metric(
        name="auc",
        title="AUC",
        function=auc,
        needs_both_classes=True,
        weighted=compute_weighted_auc,
        cards=("macro", "macro 5+", "pooled"),
        ablation=("macro", "macro 5+", "pooled"),
    ),
    Metric(
        name="eer",
        title="EER",
        function=equal_error_rate,
        needs_both_classes=True,
        lower_is_better=True,
        ablation=("macro",),
    ),
    Metric(name="ap", title="AP", function=average_precision, needs_both_classes=True),
    Metric(name="accuracy", title="accuracy", short="acc", function=accuracy, needs_threshold=True),
    Metric(
        name="balanced_accuracy",
        title="balanced accuracy",
        short="bal. acc",
        function=balanced_accuracy,
        needs_threshold=True,
        needs_both_classes=True,
        weighted=compute_weighted_balanced_accuracy,
        cards=("pooled",),
        ablation=("macro",),
    ),
    Metric(
        name="precision",
        title="precision",
        short="prec",
        function=precision,
        needs_threshold=True,
        needs_both_classes=True,
    ),
    Metric(name="recall", title="recall", short="rec", function=recall, needs_threshold=True),
    Metric(name="f1", title="F1", function=f1, needs_threshold=True, needs_both_classes=True, ablation=("macro",)),
    Metric(
        name="ece",
        title="ECE",
        function=calibration_error,
        needs_probability=True,
        lower_is_better=True,
        ablation=("pooled",),
    ),
    Metric(
        name="brier",
        title="Brier",
        function=brier_score,
        needs_probability=True,
        lower_is_better=True,
        terminal=False,
        per_epoch=False,
    ),
    Metric(
        name="tpr_at_fpr_1",
        title="TPR at 1 % FPR",
        function=tpr_at_1_percent_fpr,
        needs_both_classes=True,
        terminal=False,
        per_epoch=False,
    ),
    Metric(
        name="tpr_at_fpr_5",
        title="TPR at 5 % FPR",
        function=tpr_at_5_percent_fpr,
        needs_both_classes=True,
        terminal=False,
        per_epoch=False,
    ),
    Metric(
        name="min_dcf",
        title="minDCF",
        function=minimum_detection_cost,
        needs_both_classes=True,
        lower_is_better=True,
        terminal=False,
        per_epoch=False,
    ),
)
"""In the order of the tables' columns. The first is the one that runs and controls are compared by."""


def measure(is_fake: ArrayLike, probability: ArrayLike, threshold: float = 0.5) -> dict[str, float]:
    """Name -> value of every `per_epoch` metric; an item is called fake if its probability is at least `threshold`."""
    return {metric.name: metric(is_fake, probability, threshold) for metric in METRICS if metric.per_epoch}


def measure_by_domain(
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


def average_domains(rows: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each metric over the datasets that define it; NaN if none does."""
    listed = list(rows)
    return {metric.name: _average([row[metric.name] for row in listed]) for metric in METRICS if metric.per_epoch}


def _average(values: list[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan


def _divide(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _has_both(fake: NDArray[np.float64]) -> bool:
    return len(np.unique(fake)) == 2


def _check_arrays(is_fake: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    fake, scores = np.asarray(is_fake, np.float64), np.asarray(score, np.float64)
    if fake.shape != scores.shape or fake.ndim != 1:
        raise ValueError(f"labels of shape {fake.shape}, scores of shape {scores.shape}: expected (N,) of both")
    return fake, scores
