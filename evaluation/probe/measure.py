"""What a candidate tells: grouped cross-validation within each dataset, and from the others to each dataset.

N files, R repeats of the folds, B resamples
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unmask.manifests.audit.cross_validation import Folds, make_folds
from unmask.manifests.audit.shortcut_classifier import balance_classes
from unmask.metrics.bootstrap import compute_interval, compute_weighted_auc, resample_statistic

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Scope = Literal["within", "across"]

STRENGTH = 0.01
"""C of the logistic regressions: of the linear probe's strengths, the one that a few hundred files need."""


@dataclass(frozen=True)
class Problem:
    """One AUC to measure: which files are scored, and how they are held out."""

    scope: Scope
    dataset: str
    rows: NDArray[np.int64]
    """(n,) files that are scored."""
    train: NDArray[np.int64]
    """Files that a model across datasets is fitted on; within, `folds` says so."""
    is_fake: Flags
    unit: NDArray[np.int64]
    """(n,) each, of the scored files."""
    folds: Folds | None = None

    def resample(self, scores: Floats, seed: int) -> Floats:
        """(B,) AUC of `scores` over resamples of the groups."""
        return resample_statistic(self.unit, lambda weights: self.auc(scores, weights)[:, None], seed=seed)[:, 0]

    def auc(self, scores: Floats, weights: Floats | None = None) -> Floats:
        """(B,) AUC of `scores` (R, n), each of `weights` (B, n) how often a file was drawn."""
        if self.folds is not None:
            return self.folds.auc(scores, weights)
        drawn = np.ones((1, len(self.is_fake))) if weights is None else weights
        return compute_weighted_auc(self.is_fake, scores[0], drawn)

    def find_interval(self, draws: Floats, auc: float) -> tuple[float, float] | None:
        return compute_interval(draws, auc, self.is_fake, self.unit)


def average_known(draws: Floats) -> Floats:
    """(B,) mean of `draws` (P, B) over the problems; of a resample without one of the classes, over the others."""
    known = np.isfinite(draws)
    mean = np.full(draws.shape[1], np.nan)
    np.divide(np.where(known, draws, 0.0).sum(axis=0), known.sum(axis=0), out=mean, where=known.any(axis=0))
    return mean


def list_problems(is_fake: Flags, group: NDArray[np.str_], dataset: NDArray[np.str_], seed: int) -> list[Problem]:
    """Within every dataset with enough groups of both classes, then across: all others -> each of these.

    Files that share a group with a scored one are left out of training.
    """
    within, across = [], []
    for name in dict.fromkeys(dataset.tolist()):
        rows = np.flatnonzero(dataset == name)
        folds = make_folds(is_fake[rows], group[rows], seed)
        if folds is None:
            continue
        none = np.zeros(0, np.int64)
        within.append(Problem("within", name, rows, none, is_fake[rows], folds.unit, folds))
        others = np.flatnonzero((dataset != name) & ~np.isin(group, group[rows]))
        if len(np.unique(is_fake[others])) == 2:
            across.append(Problem("across", name, rows, others, is_fake[rows], folds.unit))
    return [*within, *across]


def score(problem: Problem, values: NDArray[np.float32], is_fake: Flags, dataset: NDArray[np.str_]) -> Floats:
    """(R, n) held-out logits of the files of `problem` from `values` (N, D) of all files."""
    if problem.folds is None:
        return _fit(values, is_fake, dataset, problem.train, problem.rows)[None]
    scores = np.zeros(problem.folds.fold.shape)
    for repeat in range(len(scores)):
        for train, held in problem.folds.splits(repeat):
            scores[repeat, held] = _fit(values, is_fake, dataset, problem.rows[train], problem.rows[held])
    return scores


def _fit(
    values: NDArray[np.float32],
    is_fake: Flags,
    dataset: NDArray[np.str_],
    train: NDArray[np.int64],
    asked: NDArray[np.int64],
) -> Floats:
    """Logits of the files `asked` from a model of the files `train`; 0 where these have one class."""
    if len(np.unique(is_fake[train])) < 2:
        return np.zeros(len(asked))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=300))
    weight = balance_classes(dataset[train], is_fake[train])
    model.fit(values[train], is_fake[train], logisticregression__sample_weight=weight)
    logits: Floats = model.decision_function(values[asked]).astype(np.float64)
    return logits
