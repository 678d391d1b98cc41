"""What each projection to 512 preserves of an encoder's tokens: a linear probe on real images and recordings.

5-fold AUC of a logistic regression on the mean token per media file, folds by file; `pca` is fitted on each fold's
training files only. UNMASK_CORPUS names the folder with `archive (2)` and `own_speech`.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unmask.cache.projections.pca import fit_pca
from unmask.cache.projections.projection import projection
from unmask.cache.stage import extract, open_tokens
from unmask.cache.store.token_store import TokenStore
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.manifests.scan.scan import scan
from unmask.preprocess.profiles import EncoderChoice, Profile
from unmask.preprocess.stage import preprocess

SETS = {"archive": ("efficientnet_lite0",), "own_speech": ("whisper_tiny", "lfcc")}
"""Dataset -> encoders of its modality."""
WAYS = ("native", "orthogonal-seed0", "orthogonal-seed1", "pca")
FOLDS, SEEDS, STRENGTH = 5, 3, 0.01

Vectors = NDArray[np.float64]


def main() -> str:
    root = os.environ.get("UNMASK_CORPUS")
    if not root or not Path(root).is_dir():
        return "not measured: set UNMASK_CORPUS to a folder with `archive (2)` and `own_speech`"
    logging.getLogger("unmask").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        whole, _ = scan(Path(root), say=lambda line: None)
        lines = [
            line for dataset in SETS for line in _measure_dataset(whole, dataset, WorkFolder(Path(name) / dataset))
        ]
    return "\n".join([f"{'':32} {'wide':>5} " + " ".join(f"{way:>17}" for way in WAYS), *lines])


def _measure_dataset(whole: Manifest, dataset: str, work: WorkFolder) -> list[str]:
    mine = [name == dataset for name in whole.table.column("dataset").to_pylist()]
    manifest = whole.with_table(whole.table.filter(mine))
    choices = tuple(EncoderChoice(name=name, projection="native") for name in SETS[dataset])
    profile = Profile(name="bench", encoders=choices)
    preprocess(manifest, profile.preprocess, work)
    extract(manifest, profile, work, device=torch.device("cpu"))
    stores = open_tokens(work, manifest, profile).stores
    return [_format_row(dataset, name, stores[name], manifest) for name in SETS[dataset]]


def _format_row(dataset: str, encoder: str, store: TokenStore, manifest: Manifest) -> str:
    found = {way: [_compute_auc(store, manifest, way, seed) for seed in range(SEEDS)] for way in WAYS}
    shown = " ".join(f"{np.mean(aucs):10.3f} +-{np.std(aucs):.3f}" for aucs in found.values())
    return f"{dataset + ', ' + encoder:32} {store.spec.width:5} {shown}"


def _compute_auc(store: TokenStore, manifest: Manifest, way: str, seed: int) -> float:
    rows = [row for row in manifest.rows() if any(store.lengths[clip] for clip in _list_clips(store, row.media_id))]
    items, labels = [row.media_id for row in rows], np.array([row.label for row in rows])
    scores = np.zeros(len(items))
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(items, labels):
        vectors = _pool_vectors(store, items, way, [items[k] for k in train])
        model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=2000))
        model.fit(vectors[train], labels[train])
        scores[test] = model.decision_function(vectors[test])
    return float(roc_auc_score(labels, scores))


def _pool_vectors(store: TokenStore, items: Sequence[str], way: str, train: Sequence[str]) -> Vectors:
    """(I, D) mean token per media file, projected."""
    made = fit_pca(store, train) if way == "pca" else projection(store.spec.native_dim, way)
    tokens = [store.gather(np.array(_list_clips(store, item)))[0] for item in items]
    placed = [each if made is None else made.of(each) for each in tokens]
    return np.stack([each.astype(np.float64).mean(axis=0) for each in placed])


def _list_clips(store: TokenStore, media_id: str) -> list[int]:
    found = []
    while (key := (media_id, len(found))) in store.index:
        found.append(store.index[key])
    return found
