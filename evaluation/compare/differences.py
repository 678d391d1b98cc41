"""Paired differences in every metric, per dataset, as means over datasets and pooled, with intervals over groups.

N items, S runs, P parts (the datasets, then all items), B resamples
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.compare.results import MetricDifference, RowDifference
from unmask.evaluation.results import MACRO, MACRO_LARGE, POOLED
from unmask.evaluation.score_tables import point_figures
from unmask.metrics import binary
from unmask.metrics.bootstrap import compute_interval
from unmask.metrics.delong import compare_aucs
from unmask.metrics.holm import correct_p_values
from unmask.metrics.paired_bootstrap import Scores, compute_p_value, draw_metric


@dataclass(frozen=True)
class Row:
    """A row of the tables: one dataset, a mean over datasets, or all items."""

    name: str
    parts: tuple[int, ...]
    """Numbers of the parts over which it is the mean."""
    inside: NDArray[np.bool_]
    """(N,) its items."""


@dataclass(frozen=True)
class Panel:
    """The compared items, divided into parts."""

    is_fake: NDArray[np.bool_]
    """(N,)"""
    group: NDArray[np.int64]
    """(N,) 0..G-1."""
    parts: tuple[NDArray[np.bool_], ...]
    """(N,) each."""
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Drawn:
    """One metric of S runs."""

    points: NDArray[np.float64]
    """(S, P); NaN where it is undefined."""
    draws: NDArray[np.float64]
    """(S, P, B)"""


def make_panel(
    is_fake: NDArray[np.bool_], group: NDArray[np.int64], dataset: NDArray[np.str_], datasets: Sequence[str]
) -> Panel:
    """The rows of an evaluation: each of `datasets`, macro, macro 5+, pooled. All arrays (N,)."""
    parts = [dataset == name for name in datasets]
    counts = [min(int(is_fake[part].sum()), int((~is_fake[part]).sum())) for part in parts]
    rows = [Row(name, (at,), part) for at, (name, part) in enumerate(zip(datasets, parts, strict=True))]
    for name, least in ((MACRO, 1), (MACRO_LARGE, binary.ENOUGH_ITEMS)):
        chosen = tuple(at for at, count in enumerate(counts) if count >= least)
        rows.append(Row(name, chosen, np.isin(dataset, [datasets[at] for at in chosen])))
    everything = np.ones(len(is_fake), np.bool_)
    return Panel(is_fake, group, (*parts, everything), (*rows, Row(POOLED, (len(parts),), everything)))


def draw_metrics(
    panel: Panel, scorers: Sequence[Scores], metrics: Sequence[binary.Metric], *, seed: int
) -> dict[str, Drawn]:
    """Name of each metric -> its values of every run on every part, and on the same resamples of the groups."""
    figures = [
        [point_figures(panel.is_fake[part], one.score[part], one.threshold) for part in panel.parts] for one in scorers
    ]
    found = {}
    for metric in metrics:
        points = [[np.nan if (value := part[metric.name]) is None else value for part in of_run] for of_run in figures]
        draws = draw_metric(metric, panel.is_fake, panel.group, scorers, panel.parts, seed=seed)
        found[metric.name] = Drawn(np.array(points), draws)
    return found


def subtract(
    drawn: Drawn, first: Sequence[int], second: Sequence[int], metric: str, panel: Panel, row: Row
) -> MetricDifference:
    """Runs `first` minus runs `second`, pair by pair, as the mean over the pairs (the seeds of an ablation).

    A mean over datasets is over those in which both runs of every pair have the metric.
    """
    parts = [at for at in row.parts if np.isfinite(drawn.points[[*first, *second], at]).all()]
    if not parts:
        return MetricDifference(metric=metric)
    ours, theirs = (float(drawn.points[np.ix_([*runs], parts)].mean()) for runs in (first, second))
    gaps = (drawn.draws[np.ix_([*first], parts)] - drawn.draws[np.ix_([*second], parts)]).mean(axis=0)
    draws = _average_known(gaps)
    # Of the points, so that equal runs differ by exactly 0.
    pairs = drawn.points[np.ix_([*first], parts)] - drawn.points[np.ix_([*second], parts)]
    difference = float(pairs.mean())
    interval = compute_interval(draws, difference, panel.is_fake[row.inside], panel.group[row.inside])
    return MetricDifference(
        metric=metric,
        base=theirs,
        run=ours,
        difference=difference,
        interval=interval,
        p=compute_p_value(draws) if interval else None,
        deviation=float(np.std(pairs.mean(axis=1), ddof=1)) if len(first) > 1 else None,
    )


def measure_rows(
    panel: Panel, drawn: dict[str, Drawn], scorers: Sequence[Scores], run: int
) -> tuple[RowDifference, ...]:
    """Run number `run` minus run 0 in every row and metric, with DeLong's test where the row is one set of items."""
    rows = []
    for row in panel.rows:
        fakes = panel.is_fake[row.inside]
        single = len(row.parts) == 1 and row.name not in (MACRO, MACRO_LARGE)
        test = compare_aucs(fakes, scorers[run].score[row.inside], scorers[0].score[row.inside]) if single else None
        rows.append(
            RowDifference(
                name=row.name,
                n_real=int((~fakes).sum()),
                n_fake=int(fakes.sum()),
                groups=len(np.unique(panel.group[row.inside])),
                metrics=tuple(subtract(one, [run], [0], name, panel, row) for name, one in drawn.items()),
                delong=test,
            )
        )
    return tuple(rows)


def correct_over_runs(runs: Sequence[tuple[RowDifference, ...]]) -> list[tuple[RowDifference, ...]]:
    """Holm's correction over the runs, for each row and metric by itself."""
    return [*zip(*(_correct_row(row) for row in zip(*runs, strict=True)), strict=True)]


def _correct_row(rows: Sequence[RowDifference]) -> list[RowDifference]:
    """One row of the tables, of every run."""
    metrics = [correct_metric(one) for one in zip(*(row.metrics for row in rows), strict=True)]
    tests = correct_p_values([row.delong.p if row.delong else None for row in rows])
    return [
        replace(row, metrics=of_run, delong_corrected=test)
        for row, of_run, test in zip(rows, zip(*metrics, strict=True), tests, strict=True)
    ]


def correct_metric(differences: Sequence[MetricDifference]) -> list[MetricDifference]:
    """One metric of one row, of every run."""
    corrected = correct_p_values([one.p for one in differences])
    return [replace(one, corrected=p) for one, p in zip(differences, corrected, strict=True)]


def _average_known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B,) mean over the parts of (P, B), per resample without those that are undefined in it."""
    known = np.isfinite(values)
    counted = known.sum(axis=0)
    means = np.full(counted.shape, np.nan)
    np.divide(np.where(known, values, 0.0).sum(axis=0), counted, out=means, where=counted > 0)
    return means
