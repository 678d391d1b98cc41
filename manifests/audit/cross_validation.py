"""Folds of whole groups, and the AUC of scores of held-out folds. N items, R repeats, B resamples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unmask.metrics.bootstrap import compute_weighted_auc

FOLDS = 5
FEWEST = 3
"""Groups per class that a cross-validation needs."""
# Another draw of the folds moves the AUC of a hundred files by .03, that of thousands hardly at all.
REPEATS, REPEATED_BELOW = 3, 2_000
# Above this share of the files, one group leaves nothing to train on when it is held out.
LARGEST_GROUP = 0.9

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Folds:
    """How N items are held out, and which of them stay together."""

    is_fake: Flags
    """(N,)"""
    unit: Ints
    """(N,) number of the group (or of the file, see `by_file`), 0..G-1: never in two folds."""
    fold: Ints
    """(R, N)"""
    by_file: bool
    """Identities and sources link nearly all files, or give too few groups: single files are held out instead."""
    split: NDArray[np.str_] | None = None
    """(N,) the split of each item, "" for none. The folds do not depend on it."""

    def splits(self, repeat: int) -> list[tuple[Flags, Flags]]:
        """(N,) training and (N,) held-out items of each fold."""
        return [(self.fold[repeat] != number, self.fold[repeat] == number) for number in np.unique(self.fold[repeat])]

    def count_units(self) -> tuple[int, int]:
        """Groups with real files, groups with fakes."""
        return len(np.unique(self.unit[~self.is_fake])), len(np.unique(self.unit[self.is_fake]))

    def auc_by_split(self, scores: Floats) -> dict[str, float]:
        """Split -> `auc` among its own items; without splits of which no fold has both classes."""
        names = [] if self.split is None else [str(name) for name in np.unique(self.split) if name]
        if not names:
            return {}
        values = self.auc(scores, np.stack([self.split == name for name in names]).astype(np.float64))
        return {name: float(value) for name, value in zip(names, values, strict=True) if np.isfinite(value)}

    def auc(self, scores: Floats, weights: Floats | None = None) -> Floats:
        """(B,) AUC of `scores` (R, N) over the pairs of a fake and a real in one fold, mean of the repeats.

        Pairs across folds are left out: models of different folds have different offsets, by which the label
        shares of small folds leak into a pooled AUC with the wrong sign. `weights` (B, N): how often each item was
        drawn. NaN where no fold has both classes.
        """
        weights = np.ones((1, len(self.is_fake))) if weights is None else weights
        values = [
            self._compare_within_folds(fold, score, weights) for fold, score in zip(self.fold, scores, strict=True)
        ]
        mean: Floats = np.mean(values, axis=0)
        return mean

    def _compare_within_folds(self, fold: Ints, score: Floats, weights: Floats) -> Floats:
        won, pairs = np.zeros(len(weights)), np.zeros(len(weights))
        for number in np.unique(fold):
            here = fold == number
            drawn, fakes = weights[:, here], self.is_fake[here]
            count = drawn[:, fakes].sum(axis=1) * drawn[:, ~fakes].sum(axis=1)
            won += count * np.nan_to_num(compute_weighted_auc(fakes, score[here], drawn))
            pairs += count
        out = np.full(len(weights), np.nan)
        np.divide(won, pairs, out=out, where=pairs > 0)
        return out


def make_folds(is_fake: Flags, group: NDArray[Any], seed: int, split: NDArray[np.str_] | None = None) -> Folds | None:
    """Folds of whole groups; of files where groups are too few or one holds nearly all. None with too few files."""
    unit = np.unique(group, return_inverse=True)[1].reshape(-1).astype(np.int64)
    sizes = np.bincount(unit) if len(unit) else np.zeros(1)
    by_file = bool(_count_fewest(is_fake, unit) < FEWEST or sizes.max() > LARGEST_GROUP * len(unit))
    if by_file:
        unit = np.arange(len(is_fake))
    fewest = _count_fewest(is_fake, unit)
    if fewest < FEWEST:
        return None
    repeats = REPEATS if len(unit) < REPEATED_BELOW else 1
    fold = [
        _deal(is_fake, unit, min(FOLDS, fewest), np.random.default_rng([seed, number])) for number in range(repeats)
    ]
    return Folds(is_fake, unit, np.stack(fold), by_file, split)


def _count_fewest(is_fake: Flags, unit: Ints) -> int:
    return min(len(np.unique(unit[is_fake])), len(np.unique(unit[~is_fake])))


def _deal(is_fake: Flags, unit: Ints, count: int, random: np.random.Generator) -> Ints:
    """(N,) fold of each item: groups are dealt out in turn, sorted by class and rough size."""
    size = np.bincount(unit)
    fakes = np.bincount(unit, is_fake)
    kind = 2 * (fakes > 0) + (fakes < size)
    order = np.lexsort((random.random(len(size)), -np.floor(np.log2(size)), kind))
    fold_of = np.empty(len(size), np.int64)
    fold_of[order] = np.arange(len(size)) % count
    return fold_of[unit]
