"""Frozen against adapted encoders on the same splits: a linear probe on mean tokens.

UNMASK_WORK names a preprocessed work folder; weights are written to its `adapted`. At most MOST files of each dataset
and class are used, so that one core finishes in an hour. The probe is that of `evaluate`: a logistic
regression on the mean token per file, fitted on the training files, which the adaptation saw too.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unmask.cache.adaptation.labeled_clips import LabeledClips
from unmask.cache.adaptation.settings import AdaptSettings
from unmask.cache.adaptation.stage import adapt
from unmask.cache.adaptation.tunable_encoder import TunableEncoder
from unmask.cache.adaptation.validation import score_items
from unmask.cache.encoders import make_encoder
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, Split, read_manifest
from unmask.manifests.splits.schemes import resplit
from unmask.preprocess.profiles import EncoderChoice, Profile, offline
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder

ENCODERS = ("efficientnet_lite0", "whisper_tiny")
SPLIT_SEEDS = tuple(range(1, 9))
MOST = 40
SETTINGS = AdaptSettings(epochs=6, draws=240, frames=2)
PROBE = 0.01
"""C of the logistic regression."""
CPU = torch.device("cpu")


def main() -> str:
    root = os.environ.get("UNMASK_WORK")
    if not root or not (Path(root) / "manifest.parquet").is_file():
        return "not measured: set UNMASK_WORK to a preprocessed work folder"
    work, profile = WorkFolder(Path(root)), offline()
    lines = [f"{'':20} {'split':>5} {'files':>5} {'epoch':>5} {'frozen':>16} {'adapted':>16}  test AUC: all, macro 5+"]
    for seed in SPLIT_SEEDS:
        manifest = _thin(resplit(read_manifest(work.manifest), "default", seed))
        lines += [_measure(manifest, profile, work, name, seed) for name in ENCODERS]
    return "\n".join(lines)


def _thin(manifest: Manifest) -> Manifest:
    """At most MOST files per dataset, class and split; those that come first by media id, on every machine."""
    seen: Counter[tuple[object, ...]] = Counter()
    keep = set()
    for row in sorted(manifest.rows(), key=lambda row: row.media_id):
        cell = (row.dataset, row.label, row.split)
        seen[cell] += 1
        if seen[cell] <= MOST and row.split is not None:
            keep.add(row.media_id)
    media = manifest.table.column("media_id").to_pylist()
    return manifest.with_table(manifest.table.filter([one in keep for one in media]))


def _measure(manifest: Manifest, profile: Profile, work: WorkFolder, name: str, seed: int) -> str:
    folder, record = adapt(manifest, profile, work, name, SETTINGS, device=CPU)
    splits: tuple[Split, Split] = ("train", "test")
    shards = find_shards(get_media_folder(work, profile.preprocess), manifest)
    modality = make_encoder(EncoderChoice(name=name), CPU).spec.modality
    assert modality in ("image", "audio")
    train, test = (LabeledClips.read(manifest, shards, modality, split, ()) for split in splits)
    figures = [_probe(name, weights, train, test) for weights in (None, str(folder))]
    shown = " ".join(f"{pooled:7.3f}, {macro:7.3f}" for pooled, macro in figures)
    line = f"{name:20} {seed:5} {len(test.media_ids):5} {record.best_epoch:5} {shown}"
    logging.getLogger("unmask").warning(line)
    return line


def _probe(name: str, weights: str | None, train: LabeledClips, test: LabeledClips) -> tuple[float, float]:
    """Test AUC over all files, and the mean over datasets with five files of each class."""
    model = TunableEncoder(make_encoder(EncoderChoice(name=name, weights=weights), CPU), CPU)
    found = {id(clips): _embed(model, clips) for clips in (train, test)}
    first = np.unique(train.item, return_index=True)[1]
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=PROBE, max_iter=1000, class_weight="balanced"))
    probe.fit(_average(found[id(train)], train), train.fake[first])
    scores = probe.decision_function(_average(found[id(test)], test))[test.item]
    alone = replace(test, domain=np.zeros_like(test.domain))
    return score_items(alone, scores).auc, score_items(test, scores).auc


def _embed(model: TunableEncoder, clips: LabeledClips) -> NDArray[np.float32]:
    with torch.no_grad():
        parts = [
            model.embed([clips.load(draw, SETTINGS.augmentation) for draw in step]).numpy()
            for step in clips.steps(SETTINGS)
        ]
    return np.concatenate(parts)


def _average(means: NDArray[np.float32], clips: LabeledClips) -> NDArray[np.float64]:
    """(files, D) mean over the clips of each file."""
    total = np.zeros((clips.item.max() + 1, means.shape[1]))
    np.add.at(total, clips.item, means)
    return total / np.bincount(clips.item)[:, None]
