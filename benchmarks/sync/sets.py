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
NO_FOLD = -1


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
        for number, source in enumerate(_shuffle_sources(talkers, name, seed)):
            fold_of[source] = number % (folds or len(talkers))
    return [fold_of[one.source] for one in talkers]


def leave_one_video_out(talkers: Sequence[Talker], seed: int = 0) -> list[int]:
    """Fold of each clip: one per genuine source, in random order, so that the first of them are a fair sample.

    NO_FOLD for generated clips: they are never tested, and teach in every fold in which their group is not.
    """
    fold_of = {source: number for number, source in enumerate(_shuffle_sources(talkers, REAL, seed))}
    return [fold_of.get(one.source, NO_FOLD) for one in talkers]


def list_folds(fold_of: Sequence[int]) -> list[int]:
    """The folds that are tested, ascending."""
    return sorted(set(fold_of) - {NO_FOLD})


def _shuffle_sources(talkers: Sequence[Talker], name: str, seed: int) -> list[str]:
    sources = sorted({one.source for one in talkers if one.set == name})
    return [sources[place] for place in np.random.default_rng(seed).permutation(len(sources)).tolist()]


def list_train(talkers: Sequence[Talker], fold_of: Sequence[int], fold: int) -> list[SyncClip]:
    """Clips of the other folds that share no group with one of this fold: no identity, recording or file."""
    held = {one.row.group for one, at in zip(talkers, fold_of, strict=True) if at == fold}
    chosen = zip(talkers, fold_of, strict=True)
    return [one.clip for one, at in chosen if at != fold and one.row.group not in held]
