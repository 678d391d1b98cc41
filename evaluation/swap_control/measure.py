"""AUC of scores alone and beside partners, over all pairs of a fake and a real file and over those with one partner.

N files, K draws of partners, Q pairs of a fake and a real file in one block, B resamples
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.swap_control.results import Score, SwapFigure
from unmask.metrics.bootstrap import compute_interval, compute_weighted_auc, resample_statistic


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapScores:
    """Scores of the same files in both conditions."""

    is_fake: NDArray[np.bool_]
    group: NDArray[np.int64]
    """(N,) 0..G-1"""
    alone: dict[Score, NDArray[np.float64]]
    """(N,) each."""
    swapped: dict[Score, NDArray[np.float64]]
    """(K, N) each."""
    block: NDArray[np.int64]
    """(K, N) files of a block have the same partner in this draw."""


def measure_figures(scores: SwapScores, *, seed: int) -> tuple[SwapFigure, ...]:
    """Figures of each score: over all pairs, then over pairs with the same partner. Whole groups are resampled, and
    both conditions by the same draws."""
    pairs = _find_pairs(scores)
    names = [(score, same) for same in (False, True) for score in scores.alone]

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        columns = []
        for score, same in names:
            alone, swapped = scores.alone[score], scores.swapped[score]
            columns += (
                _compare_pairs(pairs, alone, swapped, weights)
                if same
                else _compare_all(scores.is_fake, alone, swapped, weights)
            )
        return np.stack(columns, axis=1)

    (point,) = statistic(np.ones((1, len(scores.is_fake))))
    draws = resample_statistic(scores.group, statistic, seed=seed)
    figures = []
    for number, (score, same) in enumerate(names):
        alone, swapped = point[2 * number : 2 * number + 2].tolist()
        changes = draws[:, 2 * number + 1] - draws[:, 2 * number]
        figures.append(
            SwapFigure(
                score=score,
                same_partner=same,
                alone=alone,
                swapped=swapped,
                difference=swapped - alone,
                interval=compute_interval(changes, swapped - alone, scores.is_fake, scores.group),
            )
        )
    return tuple(figures)


def _compare_all(
    is_fake: NDArray[np.bool_],
    alone: NDArray[np.float64],
    swapped: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> list[NDArray[np.float64]]:
    """(B,) AUC alone, and the mean AUC of the draws."""
    drawn = [compute_weighted_auc(is_fake, one, weights) for one in swapped]
    return [compute_weighted_auc(is_fake, alone, weights), np.mean(drawn, axis=0)]


def _find_pairs(scores: SwapScores) -> NDArray[np.int64]:
    """(Q, 3) draw, fake file, real file."""
    fake, real = np.flatnonzero(scores.is_fake), np.flatnonzero(~scores.is_fake)
    pairs = []
    for draw, block in enumerate(scores.block):
        ones, others = np.nonzero(block[fake][:, None] == block[real])
        pairs.append(np.stack([np.full(len(ones), draw), fake[ones], real[others]], axis=1))
    return np.concatenate(pairs)


def _compare_pairs(
    pairs: NDArray[np.int64],
    alone: NDArray[np.float64],
    swapped: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> list[NDArray[np.float64]]:
    """(B,) share of the pairs in which the fake file scores higher, ties counting half: alone, then swapped."""
    draw, fake, real = pairs.T
    weight = weights[:, fake] * weights[:, real]
    total = weight.sum(axis=1)
    gaps = (alone[fake] - alone[real], swapped[draw, fake] - swapped[draw, real])
    with np.errstate(invalid="ignore"):
        return [weight @ ((gap > 0) + 0.5 * (gap == 0)) / total for gap in gaps]
