"""The clips that are compared, by set, and the folds: no source of a test clip is in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unmask.cache.sync.settings import SyncSettings
from unmask.cache.sync.windows import SyncClip, SyncClips, teaches_sync
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import MediaRow, read_manifest
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder

REAL, GENERATED = "genuine", "image manipulated"


@dataclass(frozen=True)
class Talker:
    """One clip with what decides where it may be tested."""

    clip: SyncClip
    row: MediaRow

    @property
    def set(self) -> str:
        return REAL if self.row.label == 0 else GENERATED

    @property
    def source(self) -> str:
        """A genuine video by itself, a generated one with all of its generator."""
        return self.row.group if self.set == REAL else f"generator {self.row.method}"


def read_talkers(work: WorkFolder, preprocess: PreprocessSettings) -> list[Talker]:
    """Genuine clips, and those whose image was generated from their audio, of all splits."""
    manifest = read_manifest(work.manifest)
    rows = {row.media_id: row for row in manifest.rows() if row.kind == "video" and row.status == "ok"}
    wanted = {name for name, row in rows.items() if teaches_sync(row, generated=True)}
    shards = find_shards(get_media_folder(work, preprocess), manifest)
    clips = SyncClips.of_files(wanted, shards, SyncSettings())
    return [Talker(clip, rows[clip.key[0]]) for clip in clips.clips]


def assign_folds(talkers: Sequence[Talker], folds: int, seed: int = 0) -> list[int]:
    """Fold of each clip: sources of each set are dealt out in random order. 0 folds: one per source."""
    fold_of: dict[str, int] = {}
    for name in (REAL, GENERATED):
        sources = sorted({one.source for one in talkers if one.set == name})
        order = np.random.default_rng(seed).permutation(len(sources)).tolist()
        fold_of |= {sources[place]: number % (folds or len(sources)) for number, place in enumerate(order)}
    return [fold_of[one.source] for one in talkers]


def list_train(talkers: Sequence[Talker], fold_of: Sequence[int], fold: int) -> list[SyncClip]:
    """Clips of the other folds that share no group with one of this fold: no identity, recording or file."""
    held = {one.row.group for one, at in zip(talkers, fold_of, strict=True) if at == fold}
    chosen = zip(talkers, fold_of, strict=True)
    return [one.clip for one, at in chosen if at != fold and one.row.group not in held]
