"""Evaluate a trained run on one split: scores and metrics of the model and of the controls, and their files."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.core.errors import MissingInput
from unmask.core.machine import describe_device
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.controls import fit_controls, limit_training_items, score_sync
from unmask.evaluation.explanation.training_features import write_training_features
from unmask.evaluation.item_set import ItemSet, select_labeled
from unmask.evaluation.likelihood.measure import run_likelihood
from unmask.evaluation.likelihood.results import Likelihood
from unmask.evaluation.open_run import OpenRun, check_split, open_run
from unmask.evaluation.predictions import Predictions, check_finite, write_predictions
from unmask.evaluation.random_control import MISSING, TINY, RandomNetworks, open_random_tokens, score_random_encoders
from unmask.evaluation.results import Evaluation, NotEvaluated, ScoreTable, read_evaluation, write_evaluation
from unmask.evaluation.score_tables import Scorer, compare, measure
from unmask.evaluation.sentences import describe_calls, describe_small
from unmask.evaluation.slices.measure import measure_slices
from unmask.evaluation.stored.one_evaluation import PREDICTIONS
from unmask.evaluation.stored.seen_by_encoders import find_profile, list_seen
from unmask.evaluation.swap_control.control import run_swap_control
from unmask.evaluation.sync.measure import FileSync, measure_files
from unmask.evaluation.sync.results import summarize_sync
from unmask.evaluation.unscored_items import list_reasons, load_outcomes
from unmask.evaluation.verdict_models.fit_models import fit_verdict_models
from unmask.evaluation.verdict_models.verdict_models import FACTS, VerdictModels, write_verdict_models
from unmask.manifests.audit.known_shortcuts import find_header_shortcuts, read_shortcuts
from unmask.manifests.audit.results import Shortcut
from unmask.manifests.manifest import Manifest, MediaRow, Split, read_manifest
from unmask.manifests.splits.leaks import count_allowed_leaks
from unmask.train.data.token_data import TokenData
from unmask.train.run_folder import load_run
from unmask.train.run_upkeep import alone_with_run

log = logging.getLogger("unmask")

MODEL = "model"
MAKE_TOKENS = "unmask preprocess, then unmask extract"


@alone_with_run
def evaluate(
    run: Path,
    work: WorkFolder,
    *,
    device: torch.device,
    split: Split = "test",
    seed: int = 0,
    batch_size: int = 256,
    random: RandomNetworks | None = None,
) -> Evaluation:
    """Metrics of `run` and of the controls on `split`; also written as predictions.parquet and evaluation.json.

    `seed` of the bootstrap and the controls. `random`: extract tokens of these random encoders where they are missing;
    None: compare with those that are there. Raise `MissingInput` if the manifest's split, the profile or the tokens
    differ from those that the run was trained on.
    """
    opened = open_run(run, work, read_manifest(work.manifest), device)
    check_split(run, opened.info, opened.manifest)
    numbers = opened.list_scorable()
    rows = list(opened.manifest.rows())
    known = limit_training_items(select_labeled([row for row in rows if row.media_id in numbers]), split, seed=seed)
    items = known.only(known.split == split)
    if not len(items):
        raise MissingInput(f"{run.name}: no item of the {split} split has tokens", MAKE_TOKENS)
    log.info("evaluate: %d items of the %s split", len(items), split)
    scores, _ = opened.score([numbers[row.media_id] for row in items.rows], device=device, batch_size=batch_size)
    check_finite(run.name, items, scores)
    model = Scorer(MODEL, _describe_model(opened), scores.score, opened.info.threshold)
    log.info("evaluate: controls fitted on %d training items", int((known.split == "train").sum()))
    sync = measure_files(opened.data, [numbers[row.media_id] for row in known.rows], opened.loaded)
    found = open_random_tokens(opened, work, random, device)
    controls = [control.only(known.split == split) for control in _fit_controls(opened, known, sync, found, seed)]
    scope = _describe_scope(opened, known, split, [row for row in rows if row.split == split])
    evaluation = _summarize(opened, scope, model, controls, audit_results=work.audit_results, device=device, seed=seed)
    evaluation = _add_random(evaluation, found[0] if found else None, opened)
    likelihood, llr, models = _calibrate(opened, known, items, scores, device=device, batch_size=batch_size, seed=seed)
    here = [one for one, row in zip(sync, known.rows, strict=True) if row.split == split]
    evaluation = replace(
        evaluation,
        swaps=run_swap_control(opened, items, numbers, device=device, batch_size=batch_size, seed=seed),
        sync=summarize_sync(items.rows, here),
        slices=measure_slices(items, scores, opened.info.threshold, seed=seed),
        likelihood=likelihood,
    )
    write_training_features(opened, device=device)
    predictions = write_predictions(run, items, scores, opened.info.threshold, controls, here, llr)
    files = {PREDICTIONS: predictions, FACTS: write_verdict_models(run, models, opened.info)}
    evaluation = replace(evaluation, files=files)
    write_evaluation(run, evaluation)
    return evaluation


def _calibrate(
    opened: OpenRun,
    known: ItemSet,
    items: ItemSet,
    scores: Predictions,
    *,
    device: torch.device,
    batch_size: int,
    seed: int,
) -> tuple[Likelihood, NDArray[np.float64] | None, VerdictModels]:
    """Log-likelihood ratios of `items` and the models of verdicts, from one pass over the validation items."""
    train, validation = (_select_trained(opened, known, name) for name in ("train", "val"))
    numbers = opened.list_scorable()
    of_validation = [numbers[row.media_id] for row in validation.rows]
    calibration, clips = opened.score(of_validation, device=device, batch_size=batch_size)
    likelihood, llr = run_likelihood(opened, train, validation, calibration.logit, items, scores.logit, seed=seed)
    return likelihood, llr, fit_verdict_models(opened, train, validation, clips, items, seed=seed)


def _select_trained(opened: OpenRun, known: ItemSet, split: Split) -> ItemSet:
    """Items of `split` of the datasets that the run was trained on."""
    return known.only((known.split == split) & np.isin(known.dataset, opened.loaded.config.datasets or known.datasets))


def _fit_controls(
    opened: OpenRun,
    known: ItemSet,
    sync: Sequence[FileSync | None],
    random: tuple[RandomNetworks, TokenData] | None,
    seed: int,
) -> list[Scorer]:
    fitted = fit_controls(known, opened.shards, opened.data, seed=seed)
    fitted += [score_sync(known, sync, seed=seed)] if any(sync) else []
    return fitted + (score_random_encoders(known, random[1], seed=seed) if random else [])


def _describe_model(opened: OpenRun) -> str:
    about = f"fusion of {', '.join(opened.info.streams)}"
    members = opened.loaded.members
    return f"mean of {len(members)} runs, each a {about}" if members else about


def _add_random(evaluation: Evaluation, random: RandomNetworks | None, opened: OpenRun) -> Evaluation:
    """With the name of the random networks compared with; a note where their tokens are missing and can be made."""
    if random:
        return replace(evaluation, random=random)
    if any(stream.spec.modality in TINY for stream in opened.data.streams.values()):
        return replace(evaluation, notes=(*evaluation.notes, MISSING))
    return evaluation


def find_evaluation(run: Path) -> Evaluation | None:
    """Evaluation of the weights and the calibration that the run has now; None if there is none.

    `MissingInput` where its files are damaged, or of two evaluations.

    One of an earlier version does not know what the encoders were trained on: that is looked up now.
    """
    info = load_run(run, torch.device("cpu")).info
    try:
        evaluation = read_evaluation(run)
    except NotEvaluated:
        return None
    same = (evaluation.key, evaluation.best_epoch) == (info.key, info.best_epoch)
    # Runs of earlier versions are opened with a milder calibration than they were evaluated with.
    if not same or evaluation.model.threshold != info.threshold:
        return None
    datasets = [row.name for row in evaluation.model.datasets]
    return replace(evaluation, seen=evaluation.seen or tuple(list_seen(info, find_profile(run, info), datasets)))


def add_audit(evaluation: Evaluation, audit_results: Path, manifest: Manifest) -> Evaluation:
    """`evaluation` with the shortcuts of an audit that was made since; unchanged without an audit of these files."""
    datasets = [row.name for row in evaluation.model.datasets]
    known = read_shortcuts(audit_results, manifest, datasets)
    return evaluation if known is None else replace(evaluation, shortcuts=known, audit="audit")


@dataclass(frozen=True)
class _Scope:
    """Rows of the split, by outcome."""

    split: Split
    items: ItemSet
    """Items with a score."""
    out_of_scope: int
    missing: list[MediaRow]
    unseen: tuple[str, ...]
    """Datasets among the items that the run was not trained on."""


def _describe_scope(opened: OpenRun, known: ItemSet, split: Split, of_split: list[MediaRow]) -> _Scope:
    config, items = opened.loaded.config, known.only(known.split == split)
    scored = {row.media_id for row in items.rows}
    in_scope = [row for row in of_split if row.kind in config.kinds and row.label is not None]
    trained = {row.dataset for row in known.rows if row.split == "train"} & set(config.datasets or known.datasets)
    return _Scope(
        split=split,
        items=items,
        out_of_scope=len(of_split) - len(in_scope),
        missing=[row for row in in_scope if row.media_id not in scored],
        unseen=tuple(name for name in items.datasets if name not in trained),
    )


def _summarize(
    opened: OpenRun,
    scope: _Scope,
    model: Scorer,
    controls: list[Scorer],
    *,
    audit_results: Path,
    device: torch.device,
    seed: int,
) -> Evaluation:
    ours = measure(scope.items, model, seed=seed)
    theirs = [(control, measure(scope.items, control, seed=seed)) for control in controls]
    shortcuts, audit = _find_shortcuts(opened, scope, audit_results, seed)
    return Evaluation(
        run=opened.run.name,
        key=opened.info.key,
        best_epoch=opened.info.best_epoch,
        split=scope.split,
        split_scheme=_join_schemes(scope.items),
        split_hash=opened.info.split_hash,
        profile=opened.info.profile.name,
        seed=seed,
        given=len(scope.items) + len(scope.missing) + scope.out_of_scope,
        scored=len(scope.items),
        out_of_scope=scope.out_of_scope,
        failures=list_reasons(load_outcomes(opened.media), scope.missing),
        model=ours.table,
        controls=tuple(measured.table for _, measured in theirs),
        comparisons=tuple(compare(scope.items, ours, measured, control) for control, measured in theirs),
        notes=_write_notes(opened, scope, model, ours.table),
        machine=describe_device(device),
        shortcuts=shortcuts or (),
        audit=audit,
        seen=tuple(list_seen(opened.info, opened.data.profile, scope.items.datasets)),
    )


def _find_shortcuts(
    opened: OpenRun, scope: _Scope, audit_results: Path, seed: int
) -> tuple[tuple[Shortcut, ...], Literal["audit", "headers"]]:
    """Of the evaluated datasets, by the last audit; by the headers of the items where these files were not audited."""
    known = read_shortcuts(audit_results, opened.manifest, scope.items.datasets)
    if known is not None:
        return known, "audit"
    return find_header_shortcuts(scope.items.rows, seed), "headers"


def _join_schemes(items: ItemSet) -> str:
    return ", ".join(sorted({row.split_scheme for row in items.rows}))


def _write_notes(opened: OpenRun, scope: _Scope, model: Scorer, table: ScoreTable) -> tuple[str, ...]:
    notes, items = [], scope.items
    if leaking := count_allowed_leaks(_join_schemes(items)):
        leak = f"{leaking} identities, recordings or files are in several splits"
        notes.append(f"THIS SPLIT LEAKS: {leak}. Do not report these results.")
    if scope.out_of_scope:
        kinds = ", ".join(opened.loaded.config.kinds)
        notes.append(f"{scope.out_of_scope} items are of media kinds that this run does not score (it scores {kinds}).")
    single = [name for name in items.datasets if len(set(items.is_fake[items.dataset == name].tolist())) < 2]
    if single:
        notes.append(f"Only one class in {', '.join(single)}: no AUC, and not part of the macro mean.")
    notes += describe_small(table)
    notes += describe_calls(items, model.score >= model.threshold, model.threshold)
    if scope.unseen:
        notes.append(f"Not in the training data: {', '.join(scope.unseen)}.")
    if scope.split != "test":
        notes.append(
            f"Biased: threshold and checkpoint were chosen on {scope.split} items. Do not report these results."
        )
    return tuple(notes)
