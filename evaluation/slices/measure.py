"""Metrics of a model on every slice of the evaluated items.

N items, M items of one slice
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.predictions import Predictions
from unmask.evaluation.score_tables import point_figures
from unmask.evaluation.slices.kinds import SLICE_KINDS, Slice, SliceKind
from unmask.evaluation.slices.results import ONLY_FAKE, ONLY_REAL, SliceRow
from unmask.metrics.bootstrap import Interval, compute_interval, compute_weighted_auc, resample_statistic


def measure_slices(
    items: ItemSet, scores: Predictions, threshold: float, *, seed: int, undefined: AbstractSet[str] = frozenset()
) -> tuple[SliceRow, ...]:
    """One row per slice of SLICE_KINDS, in its order; metrics named in `undefined` are None.

    `scores` of `items`, in their order. A slice without both classes has a row with the reason.
    """
    return tuple(
        _measure_slice(kind, found, items, scores, threshold, seed=seed, undefined=undefined)
        for kind in SLICE_KINDS
        for found in kind.find(items)
    )


def _measure_slice(
    kind: SliceKind,
    found: Slice,
    items: ItemSet,
    scores: Predictions,
    threshold: float,
    *,
    seed: int,
    undefined: AbstractSet[str],
) -> SliceRow:
    part = found.members
    fakes, score, group = items.is_fake[part], scores.score[part], items.group[part]
    values = point_figures(fakes, score, threshold, undefined)
    point = values["auc"]
    own = kind.has_parts and point is not None
    return SliceRow(
        kind=kind.name,
        dataset=found.dataset,
        name=found.name,
        n_real=int((~fakes).sum()),
        n_fake=int(fakes.sum()),
        groups=len(np.unique(group)),
        values=values,
        auc_interval=None if point is None else _compute_auc_interval(fakes, score, group, point, seed),
        image_auc=_compute_part_auc(fakes, scores.video_score[part]) if own else None,
        audio_auc=_compute_part_auc(fakes, scores.audio_score[part]) if own else None,
        reason=None if point is not None else ONLY_FAKE if fakes.all() else ONLY_REAL,
    )


def _compute_auc_interval(
    fakes: NDArray[np.bool_], score: NDArray[np.float64], group: NDArray[np.int64], point: float, seed: int
) -> Interval | None:
    """`fakes`, `score` and `group` (M,)."""
    number = np.unique(group, return_inverse=True)[1].reshape(-1).astype(np.int64)
    draws = resample_statistic(number, lambda weights: compute_weighted_auc(fakes, score, weights)[:, None], seed=seed)
    return compute_interval(draws[:, 0], point, fakes, number)


def _compute_part_auc(fakes: NDArray[np.bool_], score: NDArray[np.float64]) -> float | None:
    """Of the items with such a score; None without both classes among them."""
    known = np.isfinite(score)
    return point_figures(fakes[known], score[known], 0.5)["auc"]
