"""Folds of whole groups, and the AUC that scores of held-out folds have. N items, R repeats, B resamples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmask.metrics.bootstrap import compute_weighted_auc

FOLDS = 5
FEWEST = 3
"""Groups that each class must have for a cross-validation."""
# The draw of the folds moves the AUC of a hundred files by .03; that of thousands it does not.
REPEATS, REPEATED_BELOW = 3, 2_000
# Above this share of the files, one group leaves nothing to train on when it is held out.
LARGEST_GROUP = 0.9

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Folds:
    """How N items are held out, and which belong together."""

    is_fake: Flags
    """(N,)"""
    unit: Ints
    """(N,) number of the group (or of the file, see `by_file`), 0..G-1: never in two folds."""
    fold: Ints
    """(R, N)"""
    by_file: bool
    """People and sources link nearly all files, or make too few groups: single files are held out instead."""

    def splits(self, repeat: int) -> list[tuple[Flags, Flags]]:
        """(N,) training and (N,) held-out items of each fold."""
        return [(self.fold[repeat] != number, self.fold[repeat] == number) for number in np.unique(self.fold[repeat])]

    def units(self) -> tuple[int, int]:
        """How many groups have reals, and how many have fakes."""
        return len(np.unique(self.unit[~self.is_fake])), len(np.unique(self.unit[self.is_fake]))

    def auc(self, scores: Floats, weights: Floats | None = None) -> Floats:
        """(B,) AUC of `scores` (R, N) over the pairs of a fake and a real in one fold, mean of the repeats.

        Pairs across folds are left out: models of different folds have different offsets, by which the label
        shares of small folds leak into a pooled AUC with the wrong sign. `weights` (B, N): how often each item was
        drawn. NaN where no fold has both classes.
        """
        weights = np.ones((1, len(self.is_fake))) if weights is None else weights
        found = [self._one(fold, score, weights) for fold, score in zip(self.fold, scores, strict=True)]
        mean: Floats = np.mean(found, axis=0)
        return mean

    def _one(self, fold: Ints, score: Floats, weights: Floats) -> Floats:
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


def make_folds(is_fake: Flags, group: NDArray[np.str_], seed: int) -> Folds | None:
    """Folds of whole groups; of files where groups are too few or one holds nearly all. None with too few files."""
    unit = np.unique(group, return_inverse=True)[1].reshape(-1).astype(np.int64)
    sizes = np.bincount(unit) if len(unit) else np.zeros(1)
    by_file = bool(_fewest(is_fake, unit) < FEWEST or sizes.max() > LARGEST_GROUP * len(unit))
    if by_file:
        unit = np.arange(len(is_fake))
    fewest = _fewest(is_fake, unit)
    if fewest < FEWEST:
        return None
    repeats = REPEATS if len(unit) < REPEATED_BELOW else 1
    fold = [
        _dealt(is_fake, unit, min(FOLDS, fewest), np.random.default_rng([seed, number])) for number in range(repeats)
    ]
    return Folds(is_fake, unit, np.stack(fold), by_file)


def _fewest(is_fake: Flags, unit: Ints) -> int:
    return min(len(np.unique(unit[is_fake])), len(np.unique(unit[~is_fake])))


def _dealt(is_fake: Flags, unit: Ints, count: int, random: np.random.Generator) -> Ints:
    """(N,) fold of each item: groups are dealt out in turn, those of one kind and about one size after another."""
    size = np.bincount(unit)
    fakes = np.bincount(unit, is_fake)
    kind = 2 * (fakes > 0) + (fakes < size)
    order = np.lexsort((random.random(len(size)), -np.floor(np.log2(size)), kind))
    fold_of = np.empty(len(size), np.int64)
    fold_of[order] = np.arange(len(size)) % count
    return fold_of[unit]
