"""The models that try to tell the label from file facts. N items, F facts, T held-out items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

# Fewer training files than this are too few for trees: on 180 images whose file size has an AUC of .60 they find .44
# of it, a logistic regression .60; on sets of a thousand and more trees find what no curve fits.
TREES_FROM = 1_000
MOST_INDICATORS = 12

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def held_out_scores(facts: Floats, named: Flags, is_fake: Flags, train: Flags, test: Flags, seed: int) -> Floats:
    """(T,) the higher, the more a fake, from a model fitted on `train` (N,); equal where there is nothing to learn.

    `facts` (N, F), NaN where a file has none; `named` (F,) columns of codes, not numbers.
    """
    useful = [column for column in range(facts.shape[1]) if _varies(facts[train, column])]
    if not useful or len(np.unique(is_fake[train])) < 2:
        return np.zeros(int(test.sum()))
    known, asked, labels, named = facts[train][:, useful], facts[test][:, useful], is_fake[train], named[useful]
    if len(known) >= TREES_FROM:
        return _trees(known, asked, labels, named, seed)
    return _logistic(known, asked, labels, named)


def _varies(column: Floats) -> bool:
    missing = np.isnan(column)
    found = column[~missing]
    return bool(len(found) and (missing.any() or (found != found[0]).any()))


def _trees(known: Floats, asked: Floats, labels: Flags, named: Flags, seed: int) -> Floats:
    trees = HistGradientBoostingClassifier(
        max_iter=60,
        max_leaf_nodes=8,
        min_samples_leaf=20,
        l2_regularization=1.0,
        class_weight="balanced",
        categorical_features=named,
        early_stopping=False,
        random_state=seed,
    )
    score: Floats = trees.fit(known, labels).decision_function(asked)
    return score


def _logistic(known: Floats, asked: Floats, labels: Flags, named: Flags) -> Floats:
    """On ranks and their squares: a curve with one bend for each number, whatever its unit or outliers."""
    model = LogisticRegression(C=0.3, max_iter=500, class_weight="balanced")
    model.fit(_expanded(known, known, named), labels)
    score: Floats = model.decision_function(_expanded(known, asked, named))
    return score


def _expanded(known: Floats, values: Floats, named: Flags) -> Floats:
    columns: list[Floats] = []
    for number, is_name in enumerate(named):
        expand = _indicators if is_name else _ranked
        columns += expand(known[:, number], values[:, number])
    return np.stack(columns, axis=1)


def _indicators(known: Floats, values: Floats) -> list[Floats]:
    codes = np.unique(known[np.isfinite(known)])[:MOST_INDICATORS]  # codes are ranks of frequency: the usual ones
    return [(values == code).astype(np.float64) for code in codes]


def _ranked(known: Floats, values: Floats) -> list[Floats]:
    """Rank among the known values with variance 1, its square less 1, and whether there is a value at all."""
    ordered = np.sort(known[np.isfinite(known)])
    missing = np.isnan(values)
    position = (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2
    rank = np.where(missing, 0.0, (position / len(ordered) - 0.5) * np.sqrt(12))
    return [rank, np.where(missing, 0.0, rank**2 - 1), missing.astype(np.float64)]
