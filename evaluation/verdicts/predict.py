"""Predictions for new files, through the same stages that produced the training tokens."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from unmask.cache.encoders import find_stream_name
from unmask.cache.projections.projection import FOLDER as PROJECTIONS
from unmask.cache.stage import extract, open_tokens
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.input_files import expand_files, explain_absence
from unmask.evaluation.open_run import keep_run, open_run
from unmask.evaluation.unscored_items import load_outcomes
from unmask.evaluation.verdicts.options import PredictOptions
from unmask.evaluation.verdicts.scored_files import score_safely
from unmask.evaluation.verdicts.unscored_files import explain_missing_score, judge_header, make_unscored
from unmask.evaluation.verdicts.verdict import Verdict
from unmask.manifests.scan.single_files import make_file_manifest
from unmask.preprocess.profiles import AugmentationSettings, Profile
from unmask.preprocess.shards.shard_plan import get_media_folder
from unmask.preprocess.stage import preprocess
from unmask.train.run_folder import LoadedRun
from unmask.train.run_info import RunInfo


def predict(
    files: Sequence[str | Path], run: Path, *, device: torch.device, options: PredictOptions | None = None
) -> list[Verdict]:
    """One prediction per file, in the order of `files`; a file that cannot be scored has a reason instead of a score.

    Folders and patterns stand for the media files in them. Raise `MissingInput` if the encoders' weights differ from
    those of the training.
    """
    names = expand_files(map(str, files))
    loaded = keep_run(run, torch.device("cpu"))  # the GPU is left alone until the workers have started
    refused = {name: _refuse(name, loaded) for name in names}
    accepted = [Path(name) for name, verdict in refused.items() if verdict is None]
    scored: dict[Path, Verdict] = {}
    if accepted:
        options = options or PredictOptions()
        with tempfile.TemporaryDirectory(prefix="unmask-", dir=options.folder) as folder:
            scored = judge_files(accepted, loaded, run, WorkFolder(Path(folder)), device, options)
    return [replace(refused[name] or scored[Path(name).resolve()], path=name, run=run.name) for name in names]


def _refuse(name: str, loaded: LoadedRun) -> Verdict | None:
    """Verdict of a file that no stage can process; None for all others."""
    if problem := explain_absence(name):
        return make_unscored(loaded, "unreadable", problem)
    return None


def judge_files(
    files: Sequence[Path], loaded: LoadedRun, run: Path, work: WorkFolder, device: torch.device, options: PredictOptions
) -> dict[Path, Verdict]:
    """Resolved path -> verdict; the files of the stages are in `work`."""
    probed, profile = make_file_manifest(files), reduce_profile(loaded.info)
    verdicts = {probed.locate(row).resolve(): judge_header(row, loaded) for row in probed.rows()}
    manifest = probed.with_table(probed.table.filter([verdict is None for verdict in verdicts.values()]))
    if not len(manifest):
        return {path: verdict for path, verdict in verdicts.items() if verdict}
    options.on_stage("reading")
    preprocess(manifest, profile.preprocess, work, options.limits)
    options.on_stage("judging")
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
            scored = score_safely(open_run(run, work, manifest, device, profile=profile), known, device, options)
    for row in manifest.rows():
        found = scored.get(row.media_id) or explain_missing_score(loaded, row, known, crashed)
        verdicts[manifest.locate(row).resolve()] = found
    return {path: verdict for path, verdict in verdicts.items() if verdict}


def reduce_profile(info: RunInfo) -> Profile:
    """The run's profile, reduced to the encoders of its model, with the projections that were fitted for training.

    Tokens stay the same, because no token depends on another encoder.
    """
    used = [choice for choice in info.profile.encoders if find_stream_name(choice) in info.streams]
    specs = [info.streams[find_stream_name(choice)].spec for choice in used]
    encoders = tuple(
        choice.model_copy(update={"projection": spec.projection}) for choice, spec in zip(used, specs, strict=True)
    )
    return info.profile.model_copy(update={"encoders": encoders, "views": AugmentationSettings()})
