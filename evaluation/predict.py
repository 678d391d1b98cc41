"""A verdict for new files: the very stages that made the run's own tokens, on a manifest of one row each."""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from unmask.cache.projections.projection import FOLDER as PROJECTIONS
from unmask.cache.spec import Modality
from unmask.cache.stage import extract, open_streams
from unmask.cache.weights.registry import file_safe
from unmask.core.errors import UsageError
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.open_run import OpenRun, open_run
from unmask.evaluation.unscored_items import format_reason, load_outcomes
from unmask.manifests.datasets.base import KINDS
from unmask.manifests.manifest import Kind, MediaRow
from unmask.manifests.scan.single_files import manifest_of_files
from unmask.preprocess.outcomes import Outcome
from unmask.preprocess.profiles import Profile, ViewSettings
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.preprocess.shards.shard_plan import media_folder
from unmask.preprocess.stage import preprocess
from unmask.train.run_folder import LoadedRun, RunInfo, load_run
from unmask.train.scoring import ClipScores, probability

SEVERAL: dict[Kind, str] = {"image": "still pictures", "audio": "sound files", "video": "videos"}
ONE: dict[Kind, str] = {"image": "a still picture", "audio": "a sound file", "video": "a video"}
PARTS: dict[Modality, str] = {
    "image": "pictures", "audio": "sound", "text": "text", "metadata": "header",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipVerdict:
    start_s: float
    end_s: float
    score: float
    """Calibrated probability that this window is forged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    path: str
    """As it was given."""
    verdict: Literal["fake", "real", "unreadable", "unjudged"]
    """unjudged: readable, but nothing in it is what the run judges by."""
    threshold: float
    """Chosen on the run's validation items: fake from this score on."""
    score: float | None = None
    """Calibrated probability of fake; None without a verdict."""
    video_score: float | None = None
    """Probability that the picture is forged; None without one."""
    audio_score: float | None = None
    clips: tuple[ClipVerdict, ...] = ()
    faces_found: float | None = None
    """Share of the sampled pictures in which a face was found; None without pictures."""
    reason: str | None = None
    """Why there is no verdict, or what part of the file could not be read."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        if self.score is None:
            return f"{self.path}: {self.verdict} ({self.reason})"
        parts = [f"{len(self.clips)} clip{'s' * (len(self.clips) != 1)}"]
        if self.video_score is not None:
            parts.append(f"picture {self.video_score:.3f}")
        if self.audio_score is not None:
            parts.append(f"sound {self.audio_score:.3f}")
        if self.faces_found is not None:
            parts.append(f"face in {self.faces_found:.0%} of pictures")
        if self.reason:
            parts.append(self.reason)
        return f"{self.path}: {self.verdict}, {self.score:.3f} (threshold {self.threshold:.3f}; {', '.join(parts)})"


def predict(files: Sequence[Path], run: Path, *, device: torch.device) -> list[Verdict]:
    """One verdict a file given, in their order; a file that cannot be judged has the reason in place of a score.

    `UsageError` for a folder, `MissingInput` where the encoders' weights are not those that the run was trained with.
    """
    for path in files:
        if path.is_dir():
            raise UsageError(f"{path}: a folder, not a file", f'name its files: "{path}"/*')
    loaded = load_run(run, device)
    why = {path: _refusal(path, loaded) for path in files}
    given = [path for path, refused in why.items() if refused is None]
    judged: dict[Path, Verdict] = {}
    if given:
        with tempfile.TemporaryDirectory(prefix="unmask-") as folder:
            judged = _judged(given, loaded, run, WorkFolder(Path(folder)), device)
    verdicts = [why[path] or judged[path.resolve()] for path in files]
    return [replace(verdict, path=str(path)) for verdict, path in zip(verdicts, files, strict=True)]


def _refusal(path: Path, loaded: LoadedRun) -> Verdict | None:
    """Of a file that no stage needs to look at."""
    if not path.is_file():
        return _none(loaded, "unreadable", "vanished: no such file")
    kind, kinds = KINDS.get(path.suffix.lower()), loaded.config.kinds
    if kind is None:
        return _none(loaded, "unreadable", f"refused: not a media file by its name; known are {' '.join(KINDS)}")
    if kind not in kinds:
        judged = " and ".join(SEVERAL[one] for one in kinds)
        return _none(loaded, "unjudged", f"this run judges {judged}, and this is {ONE[kind]}")
    return None


def _none(loaded: LoadedRun, verdict: Literal["unreadable", "unjudged"], why: str) -> Verdict:
    return Verdict(path="", verdict=verdict, threshold=loaded.info.threshold, reason=why)


def _judged(
    given: Sequence[Path], loaded: LoadedRun, run: Path, work: WorkFolder, device: torch.device
) -> dict[Path, Verdict]:
    """Verdicts by resolved path, every stage's files in `work`."""
    manifest, profile = manifest_of_files(given), _lean(loaded.info)
    preprocess(manifest, profile.preprocess, work)
    if (run / PROJECTIONS).is_dir():
        shutil.copytree(run / PROJECTIONS, work.tokens / PROJECTIONS)
    known = load_outcomes(media_folder(work, profile.preprocess))
    found: dict[str, Verdict] = {}
    if any(outcome.outcome == "done" for outcome in known.values()):
        extract(manifest, profile, work, device=device)
        streams = open_streams(work, manifest, profile)
        if any(store.lengths.any() for store in streams.stores.values()):
            found = _scored(open_run(run, work, manifest, device, profile=profile), known, device)
    verdicts = {}
    for row in manifest.rows():
        verdicts[manifest.locate(row).resolve()] = found.get(row.media_id) or _unscored(loaded, row, known)
    return verdicts


def _unscored(loaded: LoadedRun, row: MediaRow, known: Mapping[str, Outcome]) -> Verdict:
    """Of a file that could not be read, or that has no part which the run reads."""
    outcome = known.get(row.media_id)
    if outcome is None or outcome.outcome == "failed":
        return _none(loaded, "unreadable", format_reason(row, outcome))
    read = {stream.spec.modality for stream in loaded.info.streams.values()}
    parts = [name for modality, name in PARTS.items() if modality in read]
    lost = f" ({outcome.problem})" if outcome.problem else ""
    return _none(
        loaded, "unjudged", f"it has no {' or '.join(parts)}{lost}, and this run judges by {' and '.join(parts)}"
    )


def _lean(info: RunInfo) -> Profile:
    """The run's profile without the encoders that its model does not read, and with the projections it was trained on:
    nothing is fitted anew. No token depends on another encoder.
    """
    used = [choice for choice in info.profile.encoders if file_safe(choice.name) in info.streams]
    specs = [info.streams[file_safe(choice.name)].spec for choice in used]
    encoders = tuple(
        choice.model_copy(update={"projection": spec.projection}) for choice, spec in zip(used, specs, strict=True)
    )
    return info.profile.model_copy(update={"encoders": encoders, "views": ViewSettings()})


def _scored(opened: OpenRun, known: Mapping[str, Outcome], device: torch.device) -> dict[str, Verdict]:
    """media_id -> verdict of every item that the model could score."""
    numbers = opened.list_scorable()
    items, scores = opened.score(list(numbers.values()), device=device)
    windows = _windows(opened, scores)
    threshold = opened.info.threshold
    return {
        media_id: Verdict(
            path="",
            verdict="fake" if items.score[position] >= threshold else "real",
            threshold=threshold,
            score=float(items.score[position]),
            video_score=_known(items.video_score[position]),
            audio_score=_known(items.audio_score[position]),
            clips=tuple(windows[media_id]),
            faces_found=_faces_found(known[media_id]),
            reason=known[media_id].problem,
        )
        for position, media_id in enumerate(sorted(numbers, key=lambda media_id: numbers[media_id]))
    }


def _windows(opened: OpenRun, scores: ClipScores) -> dict[str, list[ClipVerdict]]:
    """media_id -> its clips with their scores, in the order of time."""
    spans: dict[tuple[str, int], tuple[float, float]] = {}
    for path in opened.shards:
        shard = MediaShard(path)
        spans |= {key: (start, end) for key, (start, end) in zip(shard.clip_keys, shard.spans.tolist(), strict=True)}
    table, found = opened.data.clips, defaultdict(list)
    chances = probability(scores.fake.astype(np.float64), opened.info.temperature)
    for clip, chance in zip(scores.clips.tolist(), chances.tolist(), strict=True):
        media_id = str(table.media_id[clip])
        start, end = spans[media_id, int(table.clip[clip])]
        found[media_id].append(ClipVerdict(start_s=start, end_s=end, score=chance))
    return {media_id: sorted(clips, key=lambda clip: clip.start_s) for media_id, clips in found.items()}


def _faces_found(outcome: Outcome) -> float | None:
    return 1 - outcome.fallback_faces / outcome.faces if outcome.faces else None


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
