"""Predictions for new files, through the same stages that produced the training tokens."""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from unmask.cache.encoders import find_stream_name
from unmask.cache.projections.projection import FOLDER as PROJECTIONS
from unmask.cache.spec import Modality
from unmask.cache.stage import extract, open_tokens
from unmask.core.crashes import CRASHED, as_run_error, describe_crash
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.input_files import expand_files, explain_absence
from unmask.evaluation.open_run import OpenRun, open_run
from unmask.evaluation.sync.measure import measure_files, trace_fit
from unmask.evaluation.unscored_items import format_reason, load_outcomes
from unmask.evaluation.verdict import ClipVerdict, SyncVerdict, Verdict
from unmask.manifests.manifest import Kind, MediaRow
from unmask.manifests.scan.single_files import make_file_manifest
from unmask.preprocess.outcomes import Outcome
from unmask.preprocess.profiles import AugmentationSettings, Profile
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.preprocess.shards.shard_plan import get_media_folder
from unmask.preprocess.stage import Limits, preprocess
from unmask.train.run_folder import LoadedRun, load_run
from unmask.train.run_info import RunInfo
from unmask.train.scoring import ClipScores, compute_probability

PLURALS: dict[Kind, str] = {"image": "images", "audio": "audio files", "video": "videos"}
SINGULARS: dict[Kind, str] = {"image": "an image", "audio": "an audio file", "video": "a video"}
MODALITIES: dict[Modality, str] = {
    "image": "image", "audio": "audio", "text": "text", "metadata": "metadata",
}  # fmt: skip


def predict(files: Sequence[str | Path], run: Path, *, device: torch.device) -> list[Verdict]:
    """One prediction per file, in the order of `files`; a file that cannot be scored has a reason instead of a score.

    Folders and patterns stand for the media files in them. Raise `MissingInput` if the encoders' weights differ from
    those of the training.
    """
    names = expand_files(map(str, files))
    loaded = load_run(run, torch.device("cpu"))  # the GPU is left alone until the workers have started
    refused = {name: _refuse(name, loaded) for name in names}
    accepted = [Path(name) for name, verdict in refused.items() if verdict is None]
    scored: dict[Path, Verdict] = {}
    if accepted:
        with tempfile.TemporaryDirectory(prefix="unmask-") as folder:
            scored = _run_stages(accepted, loaded, run, WorkFolder(Path(folder)), device)
    return [replace(refused[name] or scored[Path(name).resolve()], path=name, run=run.name) for name in names]


def _refuse(name: str, loaded: LoadedRun) -> Verdict | None:
    """Verdict of a file that no stage can process; None for all others."""
    if problem := explain_absence(name):
        return _make_unscored(loaded, "unreadable", problem)
    return None


def _make_unscored(loaded: LoadedRun, verdict: Literal["unreadable", "unsupported", "unjudged"], why: str) -> Verdict:
    return Verdict(path="", verdict=verdict, threshold=loaded.info.threshold, reason=why)


def _run_stages(
    files: Sequence[Path], loaded: LoadedRun, run: Path, work: WorkFolder, device: torch.device
) -> dict[Path, Verdict]:
    """Resolved path -> verdict; the files of the stages are in `work`."""
    probed, profile = make_file_manifest(files), _reduce_profile(loaded.info)
    verdicts = {probed.locate(row).resolve(): _judge_header(row, loaded) for row in probed.rows()}
    manifest = probed.with_table(probed.table.filter([verdict is None for verdict in verdicts.values()]))
    if not len(manifest):
        return {path: verdict for path, verdict in verdicts.items() if verdict}
    preprocess(manifest, profile.preprocess, work, Limits(fork=True))
    if (run / PROJECTIONS).is_dir():
        shutil.copytree(run / PROJECTIONS, work.tokens / PROJECTIONS)
    known = load_outcomes(get_media_folder(work, profile.preprocess))
    scored: dict[str, Verdict] = {}
    crashed: dict[str, str] = {}
    if any(outcome.outcome == "done" for outcome in known.values()):
        specs = {name: stream.spec for name, stream in loaded.info.streams.items()}
        reports = extract(manifest, profile, work, device=device, known=specs)
        crashed = {clip.partition("/")[0]: reason for one in reports for clip, reason in one.failed.items()}
        streams = open_tokens(work, manifest, profile)
        if any(store.lengths.any() for store in streams.stores.values()):
            scored = _score_safely(open_run(run, work, manifest, device, profile=profile), known, device)
    for row in manifest.rows():
        verdicts[manifest.locate(row).resolve()] = scored.get(row.media_id) or _explain(loaded, row, known, crashed)
    return {path: verdict for path, verdict in verdicts.items() if verdict}


def _judge_header(row: MediaRow, loaded: LoadedRun) -> Verdict | None:
    """Verdict of a file that is no media, damaged, or of a kind that the run was not trained on; None for others."""
    if row.status == "failed":
        reason, _, problem = (row.reason or "unreadable").partition(": ")
        return (
            _make_unscored(loaded, "unsupported", problem)
            if reason == "unsupported"
            else _make_unscored(loaded, "unreadable", row.reason or reason)
        )
    if row.kind not in loaded.config.kinds:
        trained = " and ".join(PLURALS[one] for one in loaded.config.kinds)
        why = f"this run was trained on {trained}, and this is {SINGULARS[row.kind]}"
        return _make_unscored(loaded, "unjudged", why)
    return None


def _explain(loaded: LoadedRun, row: MediaRow, known: Mapping[str, Outcome], crashed: Mapping[str, str]) -> Verdict:
    """Verdict of a file that could not be read, or has no modality that the run was trained on.

    `crashed`: media_id -> why its clips have no tokens.
    """
    outcome = known.get(row.media_id)
    if outcome is None or outcome.outcome == "failed":
        return _make_unscored(loaded, "unreadable", format_reason(row, outcome))
    if row.media_id in crashed:
        return _make_unscored(loaded, "unreadable", crashed[row.media_id])
    trained = {stream.spec.modality for stream in loaded.info.streams.values()}
    names = [name for modality, name in MODALITIES.items() if modality in trained]
    lost = f" ({outcome.problem})" if outcome.problem else ""
    return _make_unscored(
        loaded, "unjudged", f"it has no {' or '.join(names)}{lost}, and this run was trained on {' and '.join(names)}"
    )


def _reduce_profile(info: RunInfo) -> Profile:
    """The run's profile, reduced to the encoders of its model, with the projections that were fitted for training.

    Tokens stay the same, because no token depends on another encoder.
    """
    used = [choice for choice in info.profile.encoders if find_stream_name(choice) in info.streams]
    specs = [info.streams[find_stream_name(choice)].spec for choice in used]
    encoders = tuple(
        choice.model_copy(update={"projection": spec.projection}) for choice, spec in zip(used, specs, strict=True)
    )
    return info.profile.model_copy(update={"encoders": encoders, "views": AugmentationSettings()})


def _score_safely(opened: OpenRun, known: Mapping[str, Outcome], device: torch.device) -> dict[str, Verdict]:
    """media_id -> verdict of every item that the model can score; one by one if that fails for all together."""
    numbers = opened.list_scorable()
    try:
        return _score_items(opened, numbers, known, device)
    except Exception as error:
        if ending := as_run_error(error):
            raise ending from error
    return {media_id: _score_item(opened, media_id, number, known, device) for media_id, number in numbers.items()}


def _score_item(
    opened: OpenRun, media_id: str, number: int, known: Mapping[str, Outcome], device: torch.device
) -> Verdict:
    try:
        return _score_items(opened, {media_id: number}, known, device)[media_id]
    except Exception as error:
        if ending := as_run_error(error):
            raise ending from error
        return _make_unscored(opened.loaded, "unreadable", CRASHED + describe_crash(error))


def _score_items(
    opened: OpenRun, numbers: Mapping[str, int], known: Mapping[str, Outcome], device: torch.device
) -> dict[str, Verdict]:
    """media_id -> verdict of the items with these numbers in the clip table."""
    items, scores = opened.score(list(numbers.values()), device=device)
    windows, sync = _list_windows(opened, scores), _describe_sync(opened, numbers)
    threshold = opened.info.threshold
    return {
        media_id: Verdict(
            path="",
            verdict="fake" if items.score[position] >= threshold else "real",
            threshold=threshold,
            score=float(items.score[position]),
            video_score=_replace_nan(items.video_score[position]),
            audio_score=_replace_nan(items.audio_score[position]),
            clips=tuple(windows[media_id]),
            sync=sync.get(media_id),
            faces_found=_share_of_faces(known[media_id]),
            reason=known[media_id].problem,
        )
        for position, media_id in enumerate(sorted(numbers, key=lambda media_id: numbers[media_id]))
    }


def _describe_sync(opened: OpenRun, numbers: Mapping[str, int]) -> dict[str, SyncVerdict]:
    """media_id -> how its mouth and audio fit, of the items in which they could be compared."""
    found = measure_files(opened.data, list(numbers.values()), opened.loaded)
    return {
        media_id: SyncVerdict(
            offset_ms=one.sync.offset_ms,
            fit=one.sync.fit,
            fits=one.fits,
            over_time=tuple(trace_fit(opened.data, number, one.sync.offset_s)),
        )
        for (media_id, number), one in zip(numbers.items(), found, strict=True)
        if one is not None
    }


def _list_windows(opened: OpenRun, scores: ClipScores) -> dict[str, list[ClipVerdict]]:
    """media_id -> its clips with their scores, by start time."""
    spans: dict[tuple[str, int], tuple[float, float]] = {}
    for path in opened.shards:
        shard = MediaShard(path)
        spans |= {key: (start, end) for key, (start, end) in zip(shard.clip_keys, shard.spans.tolist(), strict=True)}
    table, windows = opened.data.clips, defaultdict(list)
    scored = compute_probability(scores.fake.astype(np.float64), opened.info.temperature)
    for clip, score in zip(scores.clips.tolist(), scored.tolist(), strict=True):
        media_id = str(table.media_id[clip])
        start, end = spans[media_id, int(table.clip[clip])]
        windows[media_id].append(ClipVerdict(start_s=start, end_s=end, score=score))
    return {media_id: sorted(clips, key=lambda clip: clip.start_s) for media_id, clips in windows.items()}


def _share_of_faces(outcome: Outcome) -> float | None:
    return 1 - outcome.fallback_faces / outcome.faces if outcome.faces else None


def _replace_nan(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
