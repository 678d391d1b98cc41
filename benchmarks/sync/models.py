"""`full`, trained on videos, with and without the sync encoder, which is learned anew on those of each split."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.profile_choice import replace_weights
from unmask.cache.stage import extract, open_tokens
from unmask.cache.sync.settings import SyncSettings
from unmask.cache.sync.stage import learn_sync
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.item_set import ItemSet, select_labeled
from unmask.evaluation.open_run import OpenRun
from unmask.manifests.manifest import Manifest, read_manifest
from unmask.manifests.splits.schemes import resplit
from unmask.metrics.binary import auc
from unmask.preprocess.encoder_names import SYNC
from unmask.preprocess.profiles import Profile
from unmask.train.data.token_data import TokenData
from unmask.train.fit import fit
from unmask.train.models.lag import SyncToken
from unmask.train.presets import make_preset
from unmask.train.run_folder import load_run

CPU = torch.device("cpu")
ROWS = {"with": True, "without": False}


@dataclass(frozen=True)
class FileScore:
    """Of one test video with a mouth and audio."""

    media_id: str
    dataset: str
    is_fake: bool
    logit: float


@dataclass(frozen=True)
class SplitFigures:
    """What one split and row tell."""

    seed: int
    row: str
    scores: tuple[FileScore, ...]
    share: float
    """Test files per training file."""
    fits: float
    """AUC of the head that says whether mouth and audio fit, on unmoved against wrong audio of genuine test clips."""

    def select(self, dataset: str | None) -> list[FileScore]:
        """All scores for None."""
        return [one for one in self.scores if dataset in (None, one.dataset)]

    def measure_auc(self, dataset: str | None = None) -> float:
        """Over the videos of the dataset; NaN where one class is missing."""
        chosen = self.select(dataset)
        is_fake = np.array([one.is_fake for one in chosen], np.bool_)
        return auc(is_fake, np.array([one.logit for one in chosen])) if len(set(is_fake.tolist())) == 2 else np.nan


def measure_split(work: WorkFolder, profile: Profile, seed: int, settings: SyncSettings) -> list[SplitFigures]:
    """`profile`: without the sync encoder, with mouth crops, and extracted."""
    manifest = resplit(read_manifest(work.manifest), "grouped", seed)
    with learn_for_split(work, profile, manifest, settings) as data, tempfile.TemporaryDirectory() as folder:
        return [_measure_row(data, manifest, Path(folder) / row, row, seed) for row in ROWS]


@contextmanager
def learn_for_split(
    work: WorkFolder, profile: Profile, manifest: Manifest, settings: SyncSettings
) -> Iterator[TokenData]:
    """The tokens of `profile` with those of a sync encoder learned on the training videos of `manifest`."""
    with tempfile.TemporaryDirectory() as name:
        beside = WorkFolder(Path(name))
        beside.media.symlink_to(work.media)
        weights, _ = learn_sync(manifest, profile, beside, settings, device=CPU)
        alone = replace_weights(profile.changed({"encoders": [SYNC]}), {SYNC: weights})
        extract(manifest, alone, beside, device=CPU)
        own, learned = open_tokens(work, manifest, profile), open_tokens(beside, manifest, alone)
        yield TokenData.load(manifest, replace(own, stores={**own.stores, **learned.stores}))


def _measure_row(data: TokenData, manifest: Manifest, run: Path, row: str, seed: int) -> SplitFigures:
    fit(data, make_preset("full").changed({"size": "small", "kinds": ("video",), "sync": ROWS[row]}), run, device=CPU)
    loaded = load_run(run, CPU)
    opened = OpenRun(run, loaded, manifest, data, Path(), ())
    items, numbers = _select_talking(data, manifest, opened)
    logit = opened.score(numbers.tolist(), device=CPU)[0].logit
    fits = float("nan") if loaded.model.sync is None else _measure_fits(data, loaded.model.sync)
    splits = manifest.table.column("split").to_pylist()
    share = splits.count("test") / splits.count("train")
    each = zip(items.rows, items.is_fake.tolist(), logit.tolist(), strict=True)
    scores = tuple(FileScore(one.media_id, one.dataset, is_fake, value) for one, is_fake, value in each)
    return SplitFigures(seed, row, scores, share, fits)


def _select_talking(data: TokenData, manifest: Manifest, opened: OpenRun) -> tuple[ItemSet, NDArray[np.int64]]:
    """Labeled test items with a clip whose mouth and audio can be compared, and their numbers, rising."""
    assert data.sync is not None
    scorable, talking = opened.list_scorable(), set(data.clips.item[data.sync.known].tolist())
    rows = {scorable[row.media_id]: row for row in manifest.rows() if row.media_id in scorable and row.split == "test"}
    items = select_labeled([rows[number] for number in sorted(rows) if number in talking])
    return items, np.array([scorable[row.media_id] for row in items.rows], np.int64)


@torch.no_grad()
def _measure_fits(data: TokenData, head: SyncToken) -> float:
    assert data.sync is not None
    genuine = (data.clips.split == "test") & (data.clips.label == 0)
    batch = data.batch(np.flatnonzero(genuine & data.sync.known), tuple(data.streams), device=CPU, sync=True)
    assert batch.sync is not None
    wrong_RKL = batch.sync.answer(np.arange(len(batch)))[1]
    right, wrong = (head.judge(curves).flatten().numpy() for curves in (batch.sync.curve_BL, wrong_RKL))
    return auc(np.repeat([True, False], [len(right), len(wrong)]), np.concatenate([right, wrong]))
