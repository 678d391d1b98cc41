"""What a score is worth beside guesses that never look for a forgery: fitted on the same training items,
thresholds from the same validation items, judged on the same test items.

N items of all splits, F facts, E encoders, W their tokens' width
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.score_tables import Scorer, point_figures
from unmask.manifests.audit.header_features import metadata_facts
from unmask.manifests.manifest import Split
from unmask.metrics.calibration import fit_threshold

# A linear model on frozen tokens has learned what it can by then, and a fit stays within a minute.
MOST_TRAINING_ITEMS = 20_000
STRENGTHS = (0.001, 0.01, 0.1, 1.0)


def sampled(items: ItemSet, split: Split, *, seed: int) -> ItemSet:
    """`items` with at most MOST_TRAINING_ITEMS to train on; validation and the judged `split` stay whole."""
    positions = np.flatnonzero((items.split == "train") & (split != "train"))
    kept = np.ones(len(items), np.bool_)
    surplus = len(positions) - MOST_TRAINING_ITEMS
    if surplus > 0:
        kept[np.random.default_rng(seed).choice(positions, surplus, replace=False)] = False
    return items.only(kept)


def majority(items: ItemSet) -> Scorer:
    """The share of fakes among the training items of the same dataset; of all of them for an unknown dataset."""
    train = items.split == "train"
    overall = _share(items.is_fake[train])
    score = np.full(len(items), overall)
    for name in items.datasets:
        here = items.dataset == name
        if (here & train).any():
            score[here] = _share(items.is_fake[here & train])
    meaning = "guessing each dataset's usual label without a look at the item does as well."
    return Scorer("majority guess", "each dataset's share of fakes in training", score, 0.5, meaning=meaning)


def metadata_probe(items: ItemSet, *, seed: int) -> Scorer:
    """Boosted trees on what the manifest's probe found: size, codecs, rates, duration."""
    facts, named = metadata_facts(items.rows, items.split == "train")
    score = _boosted(items, facts, named, seed)
    meaning = "size, codec, rate and duration of the files say as much as their content, so it may only read those."
    return _scorer(items, "metadata only", "file size, codecs, rates, duration; nothing decoded", score, meaning)


def silence_probe(items: ItemSet, facts: NDArray[np.float64], *, seed: int) -> Scorer:
    """Boosted trees on `silence_facts` (N, F). Items without sound (all NaN) get the training share."""
    heard = np.array(np.isfinite(facts).any(axis=1), np.bool_)
    score = np.full(len(items), _share(items.is_fake[items.split == "train"]))
    if heard.any():
        score[heard] = _boosted(items.only(heard), facts[heard], [False] * facts.shape[1], seed)
    meaning = "duration and silence at the ends of the recordings separate the classes as well as their sound does."
    return _scorer(items, "silence and duration", "length and silent ends of the sound", score, meaning, heard)


def modality_probe(items: ItemSet, present: NDArray[np.bool_]) -> Scorer:
    """The smoothed share of fakes among training items with the same set of streams; `present` is (N, E)."""
    patterns = np.unique(present, axis=0, return_inverse=True)[1].reshape(-1)
    train = items.split == "train"
    prior, score = _share(items.is_fake[train]), np.zeros(len(items))
    for pattern in np.unique(patterns):
        here = patterns == pattern
        labels = items.is_fake[here & train]
        score[here] = (labels.sum() + 2 * prior) / (len(labels) + 2)
    meaning = "which streams an item has (picture, sound, text) gives the label away."
    return _scorer(items, "modality mask only", "which streams exist, not what is in them", score, meaning)


def token_probe(items: ItemSet, means: NDArray[np.float32], present: NDArray[np.bool_], *, seed: int) -> Scorer:
    """Logistic regression on the mean token of each encoder, strength chosen on validation.

    `means` (N, E * W), 0 where `present` (N, E) is False; the flags are features too.
    """
    features = np.column_stack([means, present.astype(np.float32)])
    fits = [_logistic(items, features, strength, seed) for strength in STRENGTHS]
    validation = items.split == "val"
    worth = [_within_datasets(items.only(validation), score[validation]) for score in fits]
    meaning = "averaging the frozen tokens is enough; the fusion adds nothing on these items."
    about = "logistic regression on each encoder's mean token"
    return _scorer(items, "linear probe", about, fits[int(np.argmax(worth))], meaning)


def _scorer(
    items: ItemSet,
    name: str,
    about: str,
    score: NDArray[np.float64],
    meaning: str,
    applies: NDArray[np.bool_] | None = None,
) -> Scorer:
    chosen = items.split == "val" if applies is None else (items.split == "val") & applies
    threshold = fit_threshold(items.is_fake[chosen], score[chosen])
    return Scorer(name, about, score, threshold, applies, meaning)


def _boosted(items: ItemSet, facts: NDArray[np.float64], named: list[bool], seed: int) -> NDArray[np.float64]:
    train = items.split == "train"
    # The trees cannot bin a column in which training has no value at all.
    used = np.isfinite(facts[train]).any(axis=0)
    if not used.any():
        return np.full(len(items), _share(items.is_fake[train]))
    smallest_leaf = int(np.clip(train.sum() // 20, 2, 20))
    trees = HistGradientBoostingClassifier(
        max_iter=60,
        max_leaf_nodes=8,
        min_samples_leaf=smallest_leaf,
        l2_regularization=1.0,
        categorical_features=np.array(named)[used],
        early_stopping=False,
        random_state=seed,
    )
    return _fitted(items, facts[:, used], lambda x, y, weight: trees.fit(x, y, sample_weight=weight))


def _logistic(items: ItemSet, features: NDArray[np.float32], strength: float, seed: int) -> NDArray[np.float64]:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=500, random_state=seed))
    step = "logisticregression__sample_weight"
    return _fitted(items, features, lambda x, y, weight: model.fit(x, y, **{step: weight}))


def _fitted(
    items: ItemSet,
    features: NDArray[Any],
    fit: Callable[[NDArray[Any], NDArray[np.bool_], NDArray[np.float64]], Any],
) -> NDArray[np.float64]:
    """(N,) probability of fake from a model fitted on the training items; their share of fakes if all are alike."""
    chosen = items.split == "train"
    labels = items.is_fake[chosen]
    if len(np.unique(labels)) < 2:
        return np.full(len(items), _share(labels))
    model = fit(features[chosen], labels, _balance(items.dataset[chosen], labels))
    score: NDArray[np.float64] = model.predict_proba(features)[:, 1].astype(np.float64)
    return score


def _balance(dataset: NDArray[np.str_], is_fake: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights (mean 1) under which each class of each dataset counts alike, as the model's sampler has it."""
    cells = np.char.add(dataset, np.where(is_fake, "/fake", "/real"))
    _, cell, count = np.unique(cells, return_inverse=True, return_counts=True)
    return len(cells) / (len(count) * count[cell.reshape(-1)].astype(np.float64))


def _within_datasets(items: ItemSet, score: NDArray[np.float64]) -> float:
    """Mean AUC over the datasets with both classes; over all items where there is none; 0.5 without either."""
    parts = [items.dataset == name for name in items.datasets]
    found = [point_figures(items.is_fake[part], score[part], 0.5)["auc"] for part in parts]
    values = [value for value in found if value is not None]
    if not values and len(items):
        pooled = point_figures(items.is_fake, score, 0.5)["auc"]
        values = [] if pooled is None else [pooled]
    return float(np.mean(values)) if values else 0.5


def _share(is_fake: NDArray[np.bool_]) -> float:
    return float(is_fake.mean()) if len(is_fake) else 0.5
