"""The classifier of what should not tell the label: file headers, encoding, silence. Used by audit and evaluate.

Two families: logistic regression on ranks, and boosted trees. The stronger one is chosen on validation items, or by
inner folds of the training items where there are too few of those.

N items, F features, T scored items
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from unmask.manifests.audit.cross_validation import FEWEST, Folds, make_folds
from unmask.metrics.bootstrap import compute_weighted_auc

# With fewer training items a tree has too few leaves to tell more than a logistic regression.
TREES_FROM = 60
# Items of each class: fewer validation items than these would choose by chance.
CHOOSING_ITEMS = 50
# The choice is made on at most so many training items, so that large datasets take no longer.
CHOOSING_AT_MOST = 2_000
MOST_INDICATORS = 12

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Predict = Callable[["Table", Flags, Flags, int], Floats]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Features and labels of N items."""

    values: Floats
    """(N, F) NaN where an item has none."""
    is_name: Flags
    """(F,) The column holds codes of names, ranked by frequency, rather than numbers."""
    is_fake: Flags
    """(N,)"""
    group: NDArray[np.int64]
    """(N,) Items of a group are never divided between inner folds."""
    dataset: NDArray[np.str_]
    """(N,) Each class of each dataset has the same weight in training."""


def predict_per_dataset(table: Table, train: Flags, validation: Flags, seed: int) -> Floats:
    """(N,) probability of fake, of balanced classes, from a classifier per dataset.

    Datasets with fewer than FEWEST training items of a class are scored by a classifier fitted on all training items.
    """
    score, unseen = np.zeros(len(train)), np.ones(len(train), np.bool_)
    for name in np.unique(table.dataset):
        here = table.dataset == name
        if _count_rarer(table, train & here) >= FEWEST:
            score[here] = predict_fake(table, train & here, here, seed, validation & here)
            unseen &= ~here
    if unseen.any():
        score[unseen] = predict_fake(table, train, unseen, seed, validation)
    return score


def predict_fake(table: Table, train: Flags, asked: Flags, seed: int, validation: Flags | None = None) -> Floats:
    """(T,) probability of fake of the `asked` (N,) items from a classifier fitted on the `train` (N,) items."""
    predict = _choose_family(table, train, validation, seed)
    return predict(table, train, asked, seed)


def _choose_family(table: Table, train: Flags, validation: Flags | None, seed: int) -> Predict:
    """The logistic regression unless the trees have a higher AUC."""
    if np.count_nonzero(train) < TREES_FROM:
        return _predict_logistic
    if validation is not None and _count_rarer(table, validation) >= CHOOSING_ITEMS:
        worth = [_measure_auc(table, validation, predict(table, train, validation, seed)) for predict in FAMILIES]
        return FAMILIES[int(np.argmax(worth))]
    sample = _draw(train, seed)
    folds = make_folds(table.is_fake[sample], table.group[sample], seed)
    if folds is None:
        return _predict_logistic
    return FAMILIES[int(np.argmax([_cross_validate(table, sample, folds, predict, seed) for predict in FAMILIES]))]


def _count_rarer(table: Table, chosen: Flags) -> int:
    fakes = int(table.is_fake[chosen].sum())
    return min(fakes, int(chosen.sum()) - fakes)


def _measure_auc(table: Table, chosen: Flags, score: Floats) -> float:
    return float(compute_weighted_auc(table.is_fake[chosen], score, np.ones((1, len(score))))[0])


def _draw(train: Flags, seed: int) -> NDArray[np.int64]:
    """Positions of the training items that choose."""
    positions = np.flatnonzero(train)
    if len(positions) <= CHOOSING_AT_MOST:
        return positions
    return np.sort(np.random.default_rng(seed).choice(positions, CHOOSING_AT_MOST, replace=False))


def _cross_validate(table: Table, sample: NDArray[np.int64], folds: Folds, predict: Predict, seed: int) -> float:
    """AUC of one family over the first repeat of the inner folds."""
    score = np.zeros(len(sample))
    for inner, held_out in folds.splits(0):
        score[held_out] = predict(table, _mark(table, sample[inner]), _mark(table, sample[held_out]), seed)
    return float(Folds(folds.is_fake, folds.unit, folds.fold[:1], folds.by_file).auc(score[None])[0])


def _mark(table: Table, positions: NDArray[np.int64]) -> Flags:
    flags = np.zeros(len(table.is_fake), np.bool_)
    flags[positions] = True
    return flags


def _predict_trees(table: Table, train: Flags, asked: Flags, seed: int) -> Floats:
    columns = _find_varying(table, train)
    labels = table.is_fake[train]
    if not columns or len(np.unique(labels)) < 2:
        return _predict_share(labels, asked)
    trees = HistGradientBoostingClassifier(
        max_iter=60,
        max_leaf_nodes=8,
        min_samples_leaf=int(np.clip(len(labels) // 20, 2, 20)),
        l2_regularization=1.0,
        categorical_features=table.is_name[columns],
        early_stopping=False,
        random_state=seed,
    )
    trees.fit(table.values[train][:, columns], labels, sample_weight=balance_classes(table.dataset[train], labels))
    score: Floats = trees.predict_proba(table.values[asked][:, columns])[:, 1].astype(np.float64)
    return score


def _predict_logistic(table: Table, train: Flags, asked: Flags, seed: int) -> Floats:
    """On ranks and their squares: one bend per number, whatever its unit or outliers."""
    columns = _find_varying(table, train)
    labels = table.is_fake[train]
    if not columns or len(np.unique(labels)) < 2:
        return _predict_share(labels, asked)
    known, values = table.values[train][:, columns], table.values[asked][:, columns]
    model = LogisticRegression(C=0.3, max_iter=500)
    is_name = table.is_name[columns]
    model.fit(_expand(known, known, is_name), labels, sample_weight=balance_classes(table.dataset[train], labels))
    score: Floats = model.predict_proba(_expand(known, values, is_name))[:, 1]
    return score


FAMILIES: tuple[Predict, ...] = (_predict_logistic, _predict_trees)


def _predict_share(labels: Flags, asked: Flags) -> Floats:
    """The share of fakes in training, the same for every item: there is nothing to learn."""
    return np.full(int(asked.sum()), labels.mean() if len(labels) else 0.5)


def balance_classes(dataset: NDArray[np.str_], is_fake: Flags) -> Floats:
    """(N,) weights with mean 1 under which each class of each dataset has the same total."""
    cells = np.char.add(dataset, np.where(is_fake, "/fake", "/real"))
    _, cell, count = np.unique(cells, return_inverse=True, return_counts=True)
    weight: Floats = len(cells) / (len(count) * count[cell.reshape(-1)].astype(np.float64))
    return weight


def _find_varying(table: Table, train: Flags) -> list[int]:
    values = table.values[train]
    return [column for column in range(values.shape[1]) if is_varying(values[:, column])]


def is_varying(column: Floats) -> bool:
    """Values differ, or some are missing; False if all are missing."""
    known = column[np.isfinite(column)]
    return bool(len(known) and (len(known) < len(column) or (known != known[0]).any()))


def _expand(known: Floats, values: Floats, is_name: Flags) -> Floats:
    columns: list[Floats] = []
    for number, named in enumerate(is_name):
        expand = _make_indicators if named else _rank
        columns += expand(known[:, number], values[:, number])
    return np.stack(columns, axis=1)


def _make_indicators(known: Floats, values: Floats) -> list[Floats]:
    codes = np.unique(known[np.isfinite(known)])[:MOST_INDICATORS]  # codes are ranks of frequency: the usual ones
    return [(values == code).astype(np.float64) for code in codes]


def _rank(known: Floats, values: Floats) -> list[Floats]:
    """Rank among the known values with variance 1, its square less 1, and whether the value is missing."""
    ordered = np.sort(known[np.isfinite(known)])
    missing = np.isnan(values)
    position = (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2
    rank = np.where(missing, 0.0, (position / len(ordered) - 0.5) * np.sqrt(12))
    return [rank, np.where(missing, 0.0, rank**2 - 1), missing.astype(np.float64)]
