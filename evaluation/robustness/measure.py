"""AUC of clean and corrupted scores of the same items, with intervals from the same draws of groups.

N items, B resamples, P parts of the items
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.results import MACRO, POOLED
from unmask.evaluation.robustness.results import Figure
from unmask.metrics import binary
from unmask.metrics.bootstrap import average_resamples, compute_interval, compute_weighted_auc, resample_statistic

Scores = NDArray[np.float64]
KIND = "kind: "


def measure_figures(items: ItemSet, clean: Scores, corrupted: Scores, *, seed: int) -> tuple[Figure, ...]:
    """Pooled, macro, per kind of media if there are several, and per dataset. `clean`, `corrupted` (N,)."""
    if not len(items):
        return ()
    kinds = sorted({row.kind for row in items.rows})
    parts = {POOLED: np.ones(len(items), np.bool_)}
    if len(kinds) > 1:
        kind = np.array([row.kind for row in items.rows], np.str_)
        parts |= {f"{KIND}{name}": kind == name for name in kinds}
    datasets = {name: items.dataset == name for name in items.datasets}
    places = {**parts, **datasets}
    draws = {name: _resample(items, score, list(places.values()), seed) for name, score in _pair(clean, corrupted)}
    columns = {name: number for number, name in enumerate(places)}
    figures = {
        name: _measure_part(name, items, part, clean, corrupted, draws, columns[name]) for name, part in places.items()
    }
    macro = _average([figures[name] for name in datasets], items, draws, columns)
    pooled, *others = (figures[name] for name in parts)
    return (pooled, macro, *others, *(figures[name] for name in datasets))


def _pair(clean: Scores, corrupted: Scores) -> tuple[tuple[str, Scores], tuple[str, Scores]]:
    return ("clean", clean), ("corrupted", corrupted)


def _resample(items: ItemSet, score: Scores, parts: list[NDArray[np.bool_]], seed: int) -> Scores:
    """(B, P) AUC of every part; equal seeds draw equal groups, so two scores can be subtracted."""

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack(
            [compute_weighted_auc(items.is_fake[part], score[part], weights[:, part]) for part in parts], axis=1
        )

    return resample_statistic(items.group, statistic, seed=seed)


def _measure_part(
    name: str,
    items: ItemSet,
    part: NDArray[np.bool_],
    clean: Scores,
    corrupted: Scores,
    draws: dict[str, Scores],
    column: int,
) -> Figure:
    fakes = items.is_fake[part]
    points = [binary.auc(fakes, score[part]) for score in (clean, corrupted)]
    drawn = [draws[one][:, column] for one in ("clean", "corrupted")]
    return _make_figure(name, fakes, items.group[part], points, drawn)


def _average(figures: list[Figure], items: ItemSet, draws: dict[str, Scores], columns: dict[str, int]) -> Figure:
    """Mean over the datasets with both classes; per resample over those that kept both."""
    chosen = [one for one in figures if one.clean is not None]
    inside = np.isin(items.dataset, [one.scope for one in chosen])
    numbers = [columns[one.scope] for one in chosen]
    points = [
        float(np.mean([value for value in values if value is not None])) if chosen else np.nan
        for values in ([one.clean for one in chosen], [one.auc for one in chosen])
    ]
    drawn = [average_resamples(draws[one][:, numbers]) for one in ("clean", "corrupted")]
    return _make_figure(MACRO, items.is_fake[inside], items.group[inside], points, drawn)


def _make_figure(
    name: str, fakes: NDArray[np.bool_], group: NDArray[np.int64], points: list[float], drawn: list[Scores]
) -> Figure:
    """`points` and `drawn`: clean, corrupted."""
    n_fake = int(fakes.sum())
    counts = {"scope": name, "n_real": len(fakes) - n_fake, "n_fake": n_fake}
    clean, auc = points
    if not np.isfinite(clean):
        nothing = ("clean", "clean_interval", "auc", "interval", "difference", "difference_interval")
        return Figure(**counts, **dict.fromkeys(nothing))  # type: ignore[arg-type]
    return Figure(
        **counts,  # type: ignore[arg-type]
        clean=clean,
        clean_interval=compute_interval(drawn[0], clean, fakes, group),
        auc=auc,
        interval=compute_interval(drawn[1], auc, fakes, group),
        difference=auc - clean,
        difference_interval=compute_interval(drawn[1] - drawn[0], auc - clean, fakes, group),
    )
