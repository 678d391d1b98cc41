"""From scores to figures: each dataset by itself, their mean, all items together, with intervals over groups.

N items, B resamples, D datasets
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.results import MACRO, POOLED, Comparison, MetricRow, ScoreTable
from unmask.metrics import binary as metrics
from unmask.metrics.bootstrap import interval, resampled, weighted_auc, weighted_balanced_accuracy

# What items of one class alone leave without meaning: a precision of 1 where nothing is real says nothing.
TWO_CLASS = ("auc", "eer", "ap", "balanced_accuracy", "precision", "f1")


@dataclass(frozen=True)
class Scorer:
    """One opinion about every item: the model's, or a control's."""

    name: str
    about: str
    score: NDArray[np.float64]
    """(N,) probability of fake."""
    threshold: float
    applies: NDArray[np.bool_] | None = None
    """(N,) what it can see at all (a sound probe sees no pictures); None: everything."""
    meaning: str = ""
    """What it says about the model if the model is no better. For controls."""


@dataclass(frozen=True)
class Measured:
    table: ScoreTable
    resamples: dict[str, NDArray[np.float64]]
    """Row -> (B,) AUC in each resample. Equal seeds draw equal groups, so two scorers can be subtracted."""


def measure(items: ItemSet, scorer: Scorer, *, seed: int) -> Measured:
    """Figures of `scorer` on `items`; a dataset it cannot see at all has none."""
    if not np.isfinite(scorer.score).all():
        raise ValueError(f"{scorer.name}: scores that are not finite")
    parts = {name: items.dataset == name for name in items.datasets}
    parts[POOLED] = np.ones(len(items), np.bool_)
    auc, balanced = _resampled(items, scorer, parts, seed)
    rows = {name: _row(name, items, scorer, part, auc[name], balanced[name]) for name, part in parts.items()}
    pooled = rows.pop(POOLED)
    sure = {name: auc[name] for name, row in rows.items() if row.auc is not None}
    macro = _macro(items, list(rows.values()), sure, {name: balanced[name] for name in sure})
    table = ScoreTable(
        name=scorer.name, about=scorer.about, threshold=scorer.threshold, rows=(*rows.values(), macro, pooled)
    )
    return Measured(table, {**auc, MACRO: _mean(sure)})


def compare(items: ItemSet, model: Measured, control: Measured, meaning: str) -> Comparison:
    """Is the model's AUC above the control's in nearly all resamples? Within the datasets that both can judge."""
    name = control.table.name
    shared = [
        row.name
        for row in model.table.rows
        if row.name not in (MACRO, POOLED) and row.auc is not None and control.table.row(row.name).auc is not None
    ]
    if not shared:
        text = f"Not comparable with {name}: no dataset here has both classes."
        return Comparison(control=name, datasets=(), difference=None, interval=None, beaten=False, meaning=text)
    difference = float(np.mean([_auc(model, row) - _auc(control, row) for row in shared]))
    draws = _mean({row: model.resamples[row] - control.resamples[row] for row in shared})
    inside = np.isin(items.dataset, shared)
    span = interval(draws, difference, items.is_fake[inside], items.group[inside])
    beaten = span is not None and span[0] > 0
    text = _sentence(name, difference, known=span is not None, beaten=beaten, meaning=meaning)
    return Comparison(
        control=name, datasets=tuple(shared), difference=difference, interval=span, beaten=beaten, meaning=text
    )


def _auc(measured: Measured, row: str) -> float:
    value = measured.table.row(row).auc
    assert value is not None
    return value


def _sentence(name: str, difference: float, *, known: bool, beaten: bool, meaning: str) -> str:
    if beaten:
        return f"The model beats {name} by {difference:.3f} AUC, in more than 97 % of resamples of the groups."
    if difference <= 0:
        return f"The model does NOT beat {name} ({difference:+.3f} AUC): {meaning}"
    doubt = "the interval includes 0" if known else "too few groups to tell it from chance"
    return f"Not shown to beat {name} ({difference:+.3f} AUC, {doubt}): {meaning}"


def _resampled(
    items: ItemSet, scorer: Scorer, parts: dict[str, NDArray[np.bool_]], seed: int
) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
    """(B,) AUC and balanced accuracy of each part, from the same draws of groups."""
    called = scorer.score >= scorer.threshold

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        columns = []
        for part in parts.values():
            fakes, drawn = items.is_fake[part], weights[:, part]
            columns.append(weighted_auc(fakes, scorer.score[part], drawn))
            columns.append(weighted_balanced_accuracy(fakes, called[part], drawn))
        return np.stack(columns, axis=1)

    values = resampled(items.group, statistic, seed=seed)
    names = list(parts)
    auc = {name: values[:, 2 * number] for number, name in enumerate(names)}
    return auc, {name: values[:, 2 * number + 1] for number, name in enumerate(names)}


def _row(
    name: str,
    items: ItemSet,
    scorer: Scorer,
    part: NDArray[np.bool_],
    auc: NDArray[np.float64],
    balanced: NDArray[np.float64],
) -> MetricRow:
    fakes, group = items.is_fake[part], items.group[part]
    counts: dict[str, Any] = {
        "name": name,
        "n_real": int((~fakes).sum()),
        "n_fake": int(fakes.sum()),
        "groups": len(np.unique(group)),
    }
    if scorer.applies is not None and not scorer.applies[part].any():
        return MetricRow(**counts)
    figures = point_figures(fakes, scorer.score[part], scorer.threshold)
    spans = {}
    for figure, draws in (("auc", auc), ("balanced_accuracy", balanced)):
        point = figures[figure]
        spans[f"{figure}_interval"] = None if point is None else interval(draws, point, fakes, group)
    values: dict[str, Any] = {**counts, **figures, **spans}
    return MetricRow(**values)


def point_figures(is_fake: NDArray[np.bool_], score: NDArray[np.float64], threshold: float) -> dict[str, float | None]:
    """All figures of one set of items; None where a figure has no meaning on them."""
    both = bool(is_fake.any() and not is_fake.all())
    return {
        name: float(value) if np.isfinite(value) and (both or name not in TWO_CLASS) else None
        for name, value in metrics.measure(is_fake, score, threshold).items()
    }


def _macro(
    items: ItemSet,
    rows: list[MetricRow],
    auc: dict[str, NDArray[np.float64]],
    balanced: dict[str, NDArray[np.float64]],
) -> MetricRow:
    """The mean over the datasets that have both classes; those with one class have no AUC to average."""
    chosen = [row for row in rows if row.auc is not None]
    means: dict[str, Any] = {}
    for name in metrics.NAMES:
        values = [getattr(row, name) for row in chosen if getattr(row, name) is not None]
        means[name] = float(np.mean(values)) if values else None
    inside = np.isin(items.dataset, [row.name for row in chosen])
    fakes, group = items.is_fake[inside], items.group[inside]
    for name, draws in (("auc", auc), ("balanced_accuracy", balanced)):
        if means[name] is not None:
            means[f"{name}_interval"] = interval(_mean(draws), means[name], fakes, group)
    return MetricRow(
        name=MACRO,
        n_real=sum(row.n_real for row in chosen),
        n_fake=sum(row.n_fake for row in chosen),
        groups=len(np.unique(group)),
        **means,
    )


def _mean(values: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """(B,) mean over the datasets, leaving out those that lost a class in a resample."""
    if not values:
        return np.zeros(0)
    stacked = np.stack(list(values.values()))
    present = np.isfinite(stacked)
    total = np.where(present, stacked, 0.0).sum(axis=0)
    counted = present.sum(axis=0)
    means = np.full(total.shape, np.nan)
    np.divide(total, counted, out=means, where=counted > 0)
    return means
