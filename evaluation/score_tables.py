"""Metrics of one scorer: per dataset, their mean, and all items pooled, with bootstrap intervals over groups.

N items, B resamples, D datasets
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.results import (
    MACRO,
    MACRO_LARGE,
    POOLED,
    Comparison,
    DatasetComparison,
    MetricRow,
    Outcome,
    ScoreTable,
)
from unmask.evaluation.sentences import (
    CHANCE,
    describe_comparison,
    describe_control,
    describe_probe,
    describe_random,
)
from unmask.metrics import binary
from unmask.metrics.bootstrap import Interval, average_resamples, compute_interval, resample_statistic

Draws = dict[str, dict[str, NDArray[np.float64]]]
"""Metric with a weighted form -> row of the table -> (B,) values, one per resample."""


@dataclass(frozen=True)
class Scorer:
    """Scores of every item by the model or by a control."""

    name: str
    about: str
    score: NDArray[np.float64]
    """(N,) probability of fake."""
    threshold: float
    applies: NDArray[np.bool_] | None = None
    """(N,) items that have its input (a silence control needs audio); None: all items."""
    cues: str = ""
    """Controls: what it reads, as a noun phrase of a sentence."""
    reads_content: bool = False
    """False for controls that do not look for manipulations."""
    is_random: bool = False
    """True for linear probes of random encoders."""
    undefined: AbstractSet[str] = frozenset()
    """Metrics that its scores do not define, such as the ECE of scores that are no probabilities."""

    def only(self, chosen: NDArray[np.bool_]) -> Scorer:
        """On these items alone."""
        applies = None if self.applies is None else self.applies[chosen]
        return replace(self, score=self.score[chosen], applies=applies)


@dataclass(frozen=True)
class Measured:
    table: ScoreTable
    auc: dict[str, NDArray[np.float64]]
    """Dataset -> (B,) AUC per resample. Equal seeds draw equal groups, so two scorers can be subtracted."""


def measure(items: ItemSet, scorer: Scorer, *, seed: int) -> Measured:
    """Metrics of `scorer` on `items`; a dataset without any input of the scorer has none."""
    if not np.isfinite(scorer.score).all():
        raise ValueError(f"{scorer.name}: scores that are not finite")
    parts = {name: items.dataset == name for name in items.datasets}
    parts[POOLED] = np.ones(len(items), np.bool_)
    draws = _resample(items, scorer, parts, seed)
    rows = [_measure_part(name, items, scorer, part, draws) for name, part in parts.items()]
    *datasets, pooled = rows
    table = ScoreTable(
        name=scorer.name,
        about=scorer.about,
        threshold=scorer.threshold,
        rows=(
            *datasets,
            _average_datasets(MACRO, items, datasets, draws),
            _average_datasets(MACRO_LARGE, items, [row for row in datasets if not row.is_small], draws),
            pooled,
        ),
        reads_content=scorer.reads_content,
        is_random=scorer.is_random,
    )
    return Measured(table, draws["auc"])


def compare(items: ItemSet, model: Measured, control: Measured, scorer: Scorer) -> Comparison:
    """Mean AUC of the model against that of the control `scorer`, over the datasets that have both.

    Datasets with too few items of a class are left out where there are others. A control below chance is inverted and
    counts as chance: a model is not good because a control is wrong.
    """
    name = control.table.name
    both = [row for row in model.table.datasets if row.auc is not None and control.table.row(row.name).auc is not None]
    if not both:
        return _refuse_comparison(name)
    shared = [row.name for row in both if not row.is_small] or [row.name for row in both]
    ours, theirs = (float(np.mean([_get_auc(one, row) for row in shared])) for one in (model, control))
    difference = ours - max(theirs, CHANCE)
    our_draws, their_draws = (_average_resamples({row: one.auc[row] for row in shared}) for one in (model, control))
    inside = np.isin(items.dataset, shared)
    fakes, group = items.is_fake[inside], items.group[inside]
    span = compute_interval(our_draws - np.maximum(their_draws, CHANCE), difference, fakes, group)
    outcome = _decide_outcome(span)
    control_span = compute_interval(their_draws, theirs, fakes, group)
    by_dataset = tuple(_compare_dataset(items, model, control, row) for row in shared)
    called = scorer.cues if scorer.is_random else name
    sentence = describe_comparison(outcome, called, (ours, max(theirs, CHANCE)), difference, span, len(shared))
    if scorer.is_random:
        about = describe_random(outcome, by_dataset)
    elif scorer.reads_content and theirs >= CHANCE:
        about = describe_probe(outcome)
    else:
        about = describe_control(scorer.cues, theirs, control_span)
    return Comparison(
        control=name,
        datasets=tuple(shared),
        difference=difference,
        interval=span,
        beaten=outcome == "better",
        meaning=f"{sentence} {about}".rstrip(),
        outcome=outcome,
        model_auc=ours,
        control_auc=theirs,
        control_interval=control_span,
        by_dataset=by_dataset,
    )


def _compare_dataset(items: ItemSet, model: Measured, control: Measured, row: str) -> DatasetComparison:
    ours, theirs = _get_auc(model, row), _get_auc(control, row)
    inside = items.dataset == row
    draws = model.auc[row] - np.maximum(control.auc[row], CHANCE)
    difference = ours - max(theirs, CHANCE)
    span = compute_interval(draws, difference, items.is_fake[inside], items.group[inside])
    return DatasetComparison(
        dataset=row,
        difference=difference,
        interval=span,
        outcome=_decide_outcome(span),
        model_auc=ours,
        control_auc=theirs,
    )


def _refuse_comparison(name: str) -> Comparison:
    return Comparison(
        control=name,
        datasets=(),
        difference=None,
        interval=None,
        beaten=False,
        meaning=f"Not comparable with {name}: no dataset here has both classes.",
        outcome="not comparable",
    )


def _decide_outcome(span: Interval | None) -> Outcome:
    if span is None or span[0] <= 0 <= span[1]:
        return "not shown"
    return "better" if span[0] > 0 else "worse"


def _get_auc(measured: Measured, row: str) -> float:
    value = measured.table.row(row).auc
    assert value is not None
    return value


def _resample(items: ItemSet, scorer: Scorer, parts: dict[str, NDArray[np.bool_]], seed: int) -> Draws:
    """Metrics with a weighted form of each part, from the same draws of groups."""
    called = scorer.score >= scorer.threshold
    columns = [
        (metric.name, name, metric.weighted, (called if metric.needs_threshold else scorer.score)[part], part)
        for metric in binary.METRICS
        if metric.weighted
        for name, part in parts.items()
    ]

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        values = [weighted(items.is_fake[part], score, weights[:, part]) for _, _, weighted, score, part in columns]
        return np.stack(values, axis=1)

    draws: Draws = {}
    values = resample_statistic(items.group, statistic, seed=seed)
    for number, (metric, name, *_) in enumerate(columns):
        draws.setdefault(metric, {})[name] = values[:, number]
    return draws


def _measure_part(name: str, items: ItemSet, scorer: Scorer, part: NDArray[np.bool_], draws: Draws) -> MetricRow:
    fakes, group = items.is_fake[part], items.group[part]
    values: dict[str, float | None] = {metric.name: None for metric in binary.METRICS}
    intervals: dict[str, Interval | None] = dict.fromkeys(draws)
    if scorer.applies is None or scorer.applies[part].any():
        values = point_figures(fakes, scorer.score[part], scorer.threshold, scorer.undefined)
        intervals = _compute_intervals(values, {metric: drawn[name] for metric, drawn in draws.items()}, fakes, group)
    return MetricRow(
        name=name,
        n_real=int((~fakes).sum()),
        n_fake=int(fakes.sum()),
        groups=len(np.unique(group)),
        values=values,
        intervals=intervals,
    )


def point_figures(
    is_fake: NDArray[np.bool_],
    score: NDArray[np.float64],
    threshold: float,
    undefined: AbstractSet[str] = frozenset(),
) -> dict[str, float | None]:
    """Every metric of one set of items; None if it is undefined on them, or named in `undefined`."""
    both = bool(is_fake.any() and not is_fake.all())
    defined = [metric for metric in binary.METRICS if metric.name not in undefined]
    values = {metric: metric(is_fake, score, threshold) for metric in defined}
    return dict.fromkeys((metric.name for metric in binary.METRICS), None) | {
        metric.name: float(value) if np.isfinite(value) and (both or not metric.needs_both_classes) else None
        for metric, value in values.items()
    }


def _compute_intervals(
    values: dict[str, float | None],
    draws: dict[str, NDArray[np.float64]],
    is_fake: NDArray[np.bool_],
    group: NDArray[np.int64],
) -> dict[str, Interval | None]:
    points = {metric: values[metric] for metric in draws}
    return {
        metric: None if point is None else compute_interval(draws[metric], point, is_fake, group)
        for metric, point in points.items()
    }


def _average_datasets(name: str, items: ItemSet, rows: list[MetricRow], draws: Draws) -> MetricRow:
    """Mean over those of `rows` with both classes."""
    chosen = [row for row in rows if row.auc is not None]
    values: dict[str, float | None] = {}
    for metric in binary.METRICS:
        known = [value for row in chosen if (value := row[metric.name]) is not None]
        values[metric.name] = float(np.mean(known)) if known else None
    inside = np.isin(items.dataset, [row.name for row in chosen])
    fakes, group = items.is_fake[inside], items.group[inside]
    means = {
        metric: _average_resamples({row.name: drawn[row.name] for row in chosen}) for metric, drawn in draws.items()
    }
    return MetricRow(
        name=name,
        n_real=sum(row.n_real for row in chosen),
        n_fake=sum(row.n_fake for row in chosen),
        groups=len(np.unique(group)),
        values=values,
        intervals=_compute_intervals(values, means, fakes, group),
    )


def _average_resamples(values: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """(B,) mean over the datasets; empty without any."""
    return average_resamples(np.stack(list(values.values()), axis=1)) if values else np.zeros(0)
