"""Predictions for new files, through the same stages that produced the training tokens."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from unmask.cache.encoders import find_stream_name
from unmask.cache.projections.projection import copy_fitted
from unmask.cache.stage import extract, open_tokens
from unmask.core.files.temporary_folder import make_temporary_folder
from unmask.core.hashing import hash_file
from unmask.core.process_pool import start_server
from unmask.core.progress import Progress, silence_progress
from unmask.core.warm.kept_values import keep_values
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.input_files import expand_files, explain_absence
from unmask.evaluation.open_run import keep_run, open_run
from unmask.evaluation.results import FILE as EVALUATION
from unmask.evaluation.unscored_items import load_outcomes
from unmask.evaluation.verdicts.batches import split_batches
from unmask.evaluation.verdicts.custody.file_facts import FileState
from unmask.evaluation.verdicts.custody.sign import Judge, add_custody, describe_judge
from unmask.evaluation.verdicts.options import PredictOptions
from unmask.evaluation.verdicts.pictures.collect import add_face_crops, read_all_pictures
from unmask.evaluation.verdicts.scored_files import score_safely
from unmask.evaluation.verdicts.several_faces import score_faces
from unmask.evaluation.verdicts.unscored_files import explain_missing_score, judge_header, make_unscored
from unmask.evaluation.verdicts.verdict import Verdict
from unmask.evaluation.verdicts.verdict_file import VerdictFile, make_key
from unmask.manifests.findings import escape_non_utf8
from unmask.manifests.scan.probe import HEAVY
from unmask.manifests.scan.single_files import make_file_manifest
from unmask.preprocess.profiles import AugmentationSettings, Profile
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder
from unmask.preprocess.stage import PRELOADED, preprocess
from unmask.train.bundles.opening import name_run
from unmask.train.run_folder import LoadedRun
from unmask.train.run_info import RunInfo


def predict(
    files: Sequence[str | Path], run: Path, *, device: torch.device, options: PredictOptions | None = None
) -> list[Verdict]:
    """One prediction per file, in the order of `files`; a file that cannot be scored has a reason instead of a score.

    Folders and patterns stand for the media files in them. Raise `MissingInput` if the encoders' weights differ from
    those of the training.
    """
    return list(iterate_verdicts(expand_files(map(str, files)), run, device=device, options=options))


def iterate_verdicts(
    names: Sequence[str], run: Path, *, device: torch.device, options: PredictOptions | None = None
) -> Iterator[Verdict]:
    """`predict` for files by their names, each verdict as soon as its batch is judged.

    Disk and memory are those of one batch (batches.py). With `options.out` every verdict is written there too, and
    stored verdicts that still hold are taken from it. `UsageError` where that is a file of something else.
    """
    batches = Batches.prepare(names, run, device, options or PredictOptions())
    with ExitStack() as stack:
        if batches.several:  # run, networks and workers are the same for every batch
            stack.enter_context(keep_values())
        lines = stack.enter_context(VerdictFile(batches.options.out, batches.key)) if batches.options.out else None
        bar = stack.enter_context(Progress("predict", len(names), "files")) if batches.several else None
        for batch in split_batches(names):
            for verdict in batches.judge(batch, lines):
                if bar:
                    bar.advance(failed=int(verdict.score is None))
                yield verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """What is the same for all batches of one call."""

    run: Path
    loaded: LoadedRun
    device: torch.device
    options: PredictOptions
    judged_by: Judge
    several: bool

    @classmethod
    def prepare(cls, names: Sequence[str], run: Path, device: torch.device, options: PredictOptions) -> Batches:
        loaded = keep_run(run, torch.device("cpu"))  # the GPU is left alone until the workers have started
        several = next(split_batches(names), []) != list(names)
        if several:  # the first batch starts threads, which later ones could not be forked beside
            options = replace(options, limits=replace(options.limits, fork=False))
        judge = describe_judge(loaded, name_run(run), device)
        return cls(run=run, loaded=loaded, device=device, options=options, judged_by=judge, several=several)

    @property
    def key(self) -> str:
        """Of the lines in a file of verdicts that still hold."""
        evaluation = self.run / EVALUATION  # what a score is worth is read from it
        version = hash_file(evaluation) if evaluation.is_file() else ""
        return make_key(self.judged_by.run_sha256, self.judged_by.program, version, self.options.explain)

    def judge(self, batch: Sequence[str], lines: VerdictFile | None) -> list[Verdict]:
        """Verdicts of these files in their order."""
        paths = {name: _resolve(name) for name in batch}
        # A line has no pictures.
        stored = {} if lines is None or self.options.pictures else {n: lines.find(path) for n, path in paths.items()}
        refused = {name: _refuse(name, self.loaded) for name in batch}
        scored = self._judge_files([paths[name] for name in batch if not (stored.get(name) or refused[name])])
        verdicts = []
        for name in batch:
            verdict = stored.get(name) or refused[name] or scored[paths[name]]
            verdicts.append(replace(verdict, path=escape_non_utf8(name), run=name_run(self.run)))
            if lines is not None and not stored.get(name):
                lines.append(paths[name], verdicts[-1])
        return verdicts

    def _judge_files(self, paths: Sequence[Path]) -> dict[Path, Verdict]:
        if not paths:
            return {}
        fork = self.options.limits.fork
        if not fork:
            start_server((*HEAVY, *PRELOADED))
        before = {path: FileState.read(path) for path in paths}
        with (
            silence_progress(self.several),
            make_temporary_folder(self.options.folder) as folder,
        ):
            work = WorkFolder(folder)
            verdicts = judge_files(paths, self.loaded, self.run, work, self.device, self.options)
        return add_custody(verdicts, self.judged_by, before, fork=fork)


def _resolve(name: str) -> Path:
    return Path(os.path.realpath(name))  # Path.resolve raises for a loop of links in Python 3.11 and 3.12


def _refuse(name: str, loaded: LoadedRun) -> Verdict | None:
    """Verdict of a file that no stage can process; None for all others."""
    if problem := explain_absence(name):
        return make_unscored(loaded, "unreadable", problem)
    if escape_non_utf8(path := str(_resolve(name))) != path:
        return make_unscored(loaded, "unreadable", "refused: the path is not UTF-8; rename the file or its folder")
    return None


def judge_files(
    files: Sequence[Path], loaded: LoadedRun, run: Path, work: WorkFolder, device: torch.device, options: PredictOptions
) -> dict[Path, Verdict]:
    """Resolved path -> verdict; the files of the stages are in `work`."""
    limits, profile = options.limits, reduce_profile(loaded.info)
    probed = make_file_manifest(files, workers=limits.workers, fork=limits.fork)
    verdicts = {probed.locate(row).resolve(): judge_header(row, loaded) for row in probed.rows()}
    manifest = probed.with_table(probed.table.filter([verdict is None for verdict in verdicts.values()]))
    if not len(manifest):
        return {path: verdict for path, verdict in verdicts.items() if verdict}
    pictures = read_all_pictures(manifest, profile.preprocess, limits) if options.pictures else {}
    options.on_stage("reading")
    preprocess(manifest, profile.preprocess, work, limits)
    options.on_stage("judging")
    copy_fitted(run, work.tokens)
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
            faces = score_faces(manifest, profile, loaded, run, work, known, device=device, limits=limits)
            scored = {one: replace(verdict, faces=faces.get(one, ())) for one, verdict in scored.items()}
    if pictures:
        shards = find_shards(get_media_folder(work, profile.preprocess), manifest)
        pictures = add_face_crops(pictures, shards, scored)
    for row in manifest.rows():
        found = scored.get(row.media_id) or explain_missing_score(loaded, row, known, crashed)
        verdicts[manifest.locate(row).resolve()] = replace(found, pictures=pictures.get(row.media_id))
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
