"""From the tokens of new files to their verdicts: each part of a verdict is described by one function."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch

from unmask.core.crashes import CRASHED, as_run_error, describe_crash
from unmask.core.errors import raise_read_failure
from unmask.evaluation.explanation.clip_spans import read_spans
from unmask.evaluation.explanation.explain import explain_files
from unmask.evaluation.open_run import OpenRun
from unmask.evaluation.predictions import Predictions
from unmask.evaluation.sync.measure import measure_files, trace_fit
from unmask.evaluation.verdict_models.scope_model import measure_faces
from unmask.evaluation.verdict_models.verdict_models import VerdictModels, read_verdict_models
from unmask.evaluation.verdicts.judged_parts import list_judged, list_not_judged
from unmask.evaluation.verdicts.options import PredictOptions
from unmask.evaluation.verdicts.unscored_files import make_unscored
from unmask.evaluation.verdicts.verdict import ClipVerdict, SyncVerdict, Verdict
from unmask.evaluation.verdicts.weighed_files import Weighed, weigh_files
from unmask.manifests.manifest import MediaRow
from unmask.preprocess.outcomes import Outcome
from unmask.train.data.batch import MODALITIES
from unmask.train.scoring import ClipScores, compute_probability

NOT_FINITE = f"{CRASHED}the model gives no finite number for it (unmask doctor; --device cpu)"


@dataclass(frozen=True)
class ScoredFiles:
    """Files that the model scored, in one work folder, with all that describes them. I items, C clips."""

    opened: OpenRun
    numbers: Mapping[str, int]
    """media_id -> number in the clip table, ascending."""
    items: Predictions
    """(I,) in the order of `numbers`."""
    clips: ClipScores
    """(C,) of all their clips."""
    known: Mapping[str, Outcome]
    """media_id -> outcome of preprocessing."""
    device: torch.device
    options: PredictOptions

    @cached_property
    def rows(self) -> dict[str, MediaRow]:
        """media_id -> row of the manifest, of all files of the work folder."""
        return {row.media_id: row for row in self.opened.manifest.rows()}

    @cached_property
    def spans(self) -> dict[int, tuple[float, float]]:
        """Row of the clip table -> start and end in seconds, of every clip in `clips`."""
        return read_spans(self.opened, self.clips.clips)

    @cached_property
    def models(self) -> VerdictModels | None:
        """None for a run that was not evaluated."""
        return read_verdict_models(self.opened.run, self.opened.info)

    @cached_property
    def positions(self) -> dict[str, int]:
        """media_id -> index into `items`."""
        return {media_id: position for position, media_id in enumerate(self.numbers)}


def score_safely(
    opened: OpenRun, known: Mapping[str, Outcome], device: torch.device, options: PredictOptions
) -> dict[str, Verdict]:
    """media_id -> verdict of every item that the model can score; one by one if that fails for all together."""
    numbers = opened.list_scorable()
    try:
        return score_items(opened, numbers, known, device, options)
    except Exception as error:
        raise_read_failure(error)
        if ending := as_run_error(error):
            raise ending from error
    return {media_id: _score_item(opened, media_id, numbers[media_id], known, device, options) for media_id in numbers}


def _score_item(
    opened: OpenRun,
    media_id: str,
    number: int,
    known: Mapping[str, Outcome],
    device: torch.device,
    options: PredictOptions,
) -> Verdict:
    try:
        return score_items(opened, {media_id: number}, known, device, options)[media_id]
    except Exception as error:
        raise_read_failure(error)
        if ending := as_run_error(error):
            raise ending from error
        return make_unscored(opened.loaded, "unreadable", CRASHED + describe_crash(error))


def score_items(
    opened: OpenRun,
    numbers: Mapping[str, int],
    known: Mapping[str, Outcome],
    device: torch.device,
    options: PredictOptions,
) -> dict[str, Verdict]:
    """media_id -> verdict of the items with these numbers in the clip table."""
    items, clips = opened.score(list(numbers.values()), device=device)
    ordered = dict(sorted(numbers.items(), key=lambda pair: pair[1]))
    finite = np.isfinite(items.score).tolist()
    if not all(finite):
        kept = {one: number for (one, number), known_score in zip(ordered.items(), finite, strict=True) if known_score}
        scored = score_items(opened, kept, known, device, options) if kept else {}
        lost = make_unscored(opened.loaded, "unreadable", NOT_FINITE)
        return {media_id: scored.get(media_id, lost) for media_id in ordered}
    return describe_files(ScoredFiles(opened, ordered, items, clips, known, device, options))


def describe_files(files: ScoredFiles) -> dict[str, Verdict]:
    """media_id -> verdict."""
    windows, sync = list_windows(files), describe_sync(files)
    parts, weighed = describe_parts(files), describe_weight(files)
    items, threshold = files.items, files.opened.info.threshold
    explained = explain_files(files)
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
            faces_found=measure_faces(files.known[media_id]),
            reason=files.known[media_id].problem,
            evidence=weighed[media_id].evidence,
            evidence_note=weighed[media_id].note,
            image_evidence=weighed[media_id].image,
            audio_evidence=weighed[media_id].audio,
            scope=weighed[media_id].scope,
            judged=parts[media_id][0],
            not_judged=parts[media_id][1],
            explanation=explained.get(media_id),
        )
        for media_id, position in files.positions.items()
    }


def describe_weight(files: ScoredFiles) -> dict[str, Weighed]:
    """media_id -> evidence and scope."""
    return weigh_files(files.opened, files.numbers, files.clips, files.rows, files.known, files.models)


def describe_parts(files: ScoredFiles) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """media_id -> modalities that the score is of, and what was not judged and why."""
    opened = files.opened
    read = {opened.info.streams[name].spec.modality for name in opened.loaded.model.shape.streams}
    patterns: dict[str, int] = defaultdict(int)
    ids = opened.data.clips.media_id[files.clips.clips].tolist()
    for media_id, pattern in zip(ids, files.clips.pattern.tolist(), strict=True):
        patterns[media_id] |= pattern
    explain = partial(
        list_not_judged,
        read=[modality for modality in MODALITIES if modality in read],
        min_seconds=opened.info.profile.preprocess.min_seconds,
        expects_text=any(space.modality == "text" for space in files.models.scope.spaces) if files.models else False,
    )
    judged = {media_id: list_judged(pattern) for media_id, pattern in patterns.items()}
    return {
        media_id: (judged[media_id], explain(files.rows[media_id], files.known[media_id], judged[media_id]))
        for media_id in files.numbers
    }


def describe_sync(files: ScoredFiles) -> dict[str, SyncVerdict]:
    """media_id -> how its mouth and audio fit, of the items in which they could be compared."""
    opened = files.opened
    found = measure_files(opened.data, list(files.numbers.values()), opened.loaded)
    return {
        media_id: SyncVerdict(
            offset_ms=one.sync.offset_ms,
            fit=one.sync.fit,
            fits=one.fits,
            over_time=tuple(trace_fit(opened.data, number, one.sync.offset_s)),
        )
        for (media_id, number), one in zip(files.numbers.items(), found, strict=True)
        if one is not None
    }


def list_windows(files: ScoredFiles) -> dict[str, list[ClipVerdict]]:
    """media_id -> its clips with their scores, by start time."""
    opened, scores = files.opened, files.clips
    table, windows = opened.data.clips, defaultdict(list)
    scored = compute_probability(scores.fake.astype(np.float64), opened.info.temperature)
    for clip, score in zip(scores.clips.tolist(), scored.tolist(), strict=True):
        media_id = str(table.media_id[clip])
        start, end = files.spans[clip]
        windows[media_id].append(ClipVerdict(start_s=start, end_s=end, score=score))
    return {media_id: sorted(clips, key=lambda clip: clip.start_s) for media_id, clips in windows.items()}


def _replace_nan(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
