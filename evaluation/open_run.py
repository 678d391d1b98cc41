"""A trained run opened with matching tokens, ready to score."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.stage import open_tokens
from unmask.core.errors import MissingInput
from unmask.core.warm.kept_values import keep
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.predictions import Predictions
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import Profile
from unmask.train.bundles.model_weights import find_weights_file
from unmask.train.data.batch import Sources
from unmask.train.data.token_data import TokenData
from unmask.train.ensemble import score_run
from unmask.train.run_folder import INPUTS, LoadedRun, load_run
from unmask.train.run_info import RunInfo
from unmask.train.scoring import ClipScores, average_by_item, compute_probability


@dataclass(frozen=True)
class OpenRun:
    run: Path
    loaded: LoadedRun
    manifest: Manifest
    data: TokenData
    media: Path
    """Folder of the media shards that the tokens were extracted from."""
    shards: tuple[Path, ...]

    @property
    def info(self) -> RunInfo:
        return self.loaded.info

    def list_scorable(self) -> dict[str, int]:
        """media_id -> number in the clip table, of every item that the run can score.

        These are items of the run's media kinds with tokens of at least one of its encoders.
        """
        table = self.data.clips
        clips = self.select_clips()
        _, first = np.unique(table.item[clips], return_index=True)
        chosen = clips[first]
        return dict(zip(table.media_id[chosen].tolist(), table.item[chosen].tolist(), strict=True))

    def select_clips(self) -> NDArray[np.int64]:
        clips = self.data.select(self.loaded.model.shape.streams)
        return clips[np.isin(self.data.clips.kind[clips], self.loaded.config.kinds)]

    def score(
        self, wanted: Collection[int], *, device: torch.device, batch_size: int = 256
    ) -> tuple[Predictions, ClipScores]:
        """Scores of the items `wanted` (numbers in the clip table), sorted by number, and of each of their clips."""
        clips = self.select_clips()
        clips = clips[np.isin(self.data.clips.item[clips], np.array(sorted(wanted), np.int64))]
        scores = self.score_clips(clips, device=device, batch_size=batch_size)
        return self.predict_items(scores), scores

    def score_clips(
        self,
        clips: NDArray[np.int64],
        *,
        device: torch.device,
        batch_size: int = 256,
        sources: Sources | None = None,
    ) -> ClipScores:
        """Scores of `clips`, rows of the clip table; `sources` shows them with the image or audio of other clips."""
        return score_run(self.loaded, self.data, clips, device=device, batch_size=batch_size, sources=sources)

    def predict_items(self, scores: ClipScores) -> Predictions:
        """Calibrated scores of the items whose clips were scored, sorted by the item's number."""
        items = average_by_item(scores, self.data)
        return Predictions(
            logit=items.fake,
            score=compute_probability(items.fake, self.info.temperature),
            video_score=compute_probability(items.video, self.info.video_temperature),
            audio_score=compute_probability(items.audio, self.info.audio_temperature),
            clips=items.clips,
        )


def keep_run(run: Path, device: torch.device) -> LoadedRun:
    """`load_run`, of which a process that keeps values has one per state of the run's files."""
    files = [run / INPUTS, find_weights_file(run)]
    state = tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in files)
    return keep(("run", run, state, str(device)), lambda: load_run(run, device))


def open_run(
    run: Path, work: WorkFolder, manifest: Manifest, device: torch.device, *, profile: Profile | None = None
) -> OpenRun:
    """Open `run` with the tokens of `profile` (None: the run's own) in `work`.

    Raise `MissingInput` if they are not of the encoders and settings that the run was trained with.
    """
    loaded = keep_run(run, device)
    streams = open_tokens(work, manifest, profile or loaded.info.profile)
    data = TokenData.load(manifest, streams)
    check_streams(run, loaded.info, data)
    media = work.media / streams.media
    return OpenRun(run, loaded, manifest, data, media, tuple(media / name for name in streams.shards))


def check_split(run: Path, info: RunInfo, manifest: Manifest) -> None:
    """Raise `MissingInput` for another split: its test items may include training items of the run."""
    if info.split_hash != manifest.split_hash:
        raise MissingInput(
            f"{run.name}: trained on split {info.split_hash}, the manifest now has {manifest.split_hash}",
            "train again on the new split (unmask train), or use the work folder that the run was trained in",
        )


def check_streams(run: Path, info: RunInfo, data: TokenData) -> None:
    """Raise `MissingInput` unless `data` has tokens of the run's encoders with the same weights and settings."""
    for name, stream in info.streams.items():
        found = data.all_streams.get(name)
        if found is None:
            raise MissingInput(f"{run.name}: tokens of {name} are missing", "unmask extract")
        store = found.store
        if store.fingerprint != stream.fingerprint:
            changed = _describe_changes(stream.spec.as_json(), store.spec.as_json()) or "preprocessing"
            raise MissingInput(
                f"{run.name}: tokens of {name} differ from those of its training ({changed})",
                "extract with the run's profile and weights, or train again: unmask train",
            )


def _describe_changes(trained: Mapping[str, object], present: Mapping[str, object]) -> str:
    pairs = [(key, trained[key], present.get(key)) for key in trained if trained[key] != present.get(key)]
    return ", ".join(f"{key}: {old} then, {new} now" for key, old, new in pairs)
