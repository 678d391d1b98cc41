"""A finished run brought together with tokens that fit it, and its opinion about their items."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.stage import open_streams
from unmask.core.errors import MissingInput
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.predictions import Judged
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import Profile
from unmask.train.data.token_data import TokenData
from unmask.train.run_folder import LoadedRun, RunInfo, load_run
from unmask.train.scoring import ClipScores, by_item, probability, score_clips


@dataclass(frozen=True)
class OpenRun:
    run: Path
    loaded: LoadedRun
    manifest: Manifest
    data: TokenData
    media: Path
    """Folder of the media shards that the tokens were made from."""
    shards: tuple[Path, ...]

    @property
    def info(self) -> RunInfo:
        return self.loaded.info

    def scorable(self) -> dict[str, int]:
        """media_id -> number in the clip table, of every item of the run's kinds with a token that it reads."""
        table = self.data.clips
        clips = self._clips()
        _, first = np.unique(table.item[clips], return_index=True)
        chosen = clips[first]
        return dict(zip(table.media_id[chosen].tolist(), table.item[chosen].tolist(), strict=True))

    def _clips(self) -> NDArray[np.int64]:
        clips = self.data.select(self.loaded.model.shape.streams)
        return clips[np.isin(self.data.clips.kind[clips], self.loaded.config.kinds)]

    def judge(
        self, wanted: Collection[int], *, device: torch.device, batch_size: int = 256
    ) -> tuple[Judged, ClipScores]:
        """Scores of the items `wanted` (numbers in the clip table), rising by number, and of each of their clips."""
        clips = self._clips()
        clips = clips[np.isin(self.data.clips.item[clips], np.array(sorted(wanted), np.int64))]
        scores = score_clips(self.loaded.model, self.data, clips, device=device, batch_size=batch_size)
        items = by_item(scores, self.data)
        return Judged(
            logit=items.fake,
            score=probability(items.fake, self.info.temperature),
            video_score=probability(items.video),
            audio_score=probability(items.audio),
            clips=items.clips,
        ), scores


def open_run(
    run: Path, work: WorkFolder, manifest: Manifest, device: torch.device, *, profile: Profile | None = None
) -> OpenRun:
    """`run` with the tokens of `profile` (None: the run's own) in `work`.

    `MissingInput` where these are not of the encoders and settings that the run was trained with.
    """
    loaded = load_run(run, device)
    streams = open_streams(work, manifest, profile or loaded.info.profile)
    data = TokenData.load(manifest, streams)
    check_streams(run, loaded.info, data)
    media = work.media / streams.media
    return OpenRun(run, loaded, manifest, data, media, tuple(media / name for name in streams.shards))


def check_split(run: Path, info: RunInfo, manifest: Manifest) -> None:
    """Under another split, test items may be ones the run was trained on."""
    if info.split_hash != manifest.split_hash:
        raise MissingInput(
            f"{run.name}: trained on split {info.split_hash}, the manifest now has {manifest.split_hash}",
            "train again on the new split (make train), or give the work folder the run was trained in",
        )


def check_streams(run: Path, info: RunInfo, data: TokenData) -> None:
    """The run's encoders, with the same weights and settings on the same kind of media shards."""
    for name, stream in info.streams.items():
        if name not in data.streams:
            raise MissingInput(f"{run.name}: needs tokens of {name}, which are not here", "make extract-features")
        found = data.streams[name].store
        if found.fingerprint != stream.fingerprint:
            changed = _changed(stream.spec.as_json(), found.spec.as_json()) or "preprocessing"
            raise MissingInput(
                f"{run.name}: tokens of {name} differ from those it was trained on ({changed})",
                "extract with the run's profile and weights, or train again: make train",
            )


def _changed(trained: Mapping[str, object], found: Mapping[str, object]) -> str:
    pairs = [(key, trained[key], found.get(key)) for key in trained if trained[key] != found.get(key)]
    return ", ".join(f"{key}: {old} then, {new} now" for key, old, new in pairs)
