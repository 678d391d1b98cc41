"""A finished run on one split: every item scored by the model and by the controls, figures, and the files of both."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from unmask.core.errors import MissingInput
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.control_features import item_silence, mean_tokens, silence_table
from unmask.evaluation.controls import majority, metadata_probe, modality_probe, sampled, silence_probe, token_probe
from unmask.evaluation.item_set import ItemSet, labelled
from unmask.evaluation.machine import machine_facts
from unmask.evaluation.open_run import OpenRun, check_split, open_run
from unmask.evaluation.predictions import write_predictions
from unmask.evaluation.results import Evaluation, read_evaluation, write_evaluation
from unmask.evaluation.score_tables import Scorer, compare, measure
from unmask.evaluation.unscored_items import outcomes, reasons
from unmask.manifests.manifest import MediaRow, Split, read_manifest
from unmask.manifests.splits.leaks import allowed_leaks
from unmask.train.run_folder import load_run

log = logging.getLogger("unmask")

MODEL = "model"


def evaluate(
    run: Path, work: WorkFolder, *, device: torch.device, split: Split = "test", seed: int = 0, batch_size: int = 256
) -> Evaluation:
    """Figures of `run` on `split`, beside the controls'; also written as predictions.parquet and evaluation.json.

    `seed` is of the bootstrap and the controls. `MissingInput` where the manifest's split, the profile or the tokens
    are not those that the run was trained on.
    """
    opened = open_run(run, work, read_manifest(work.manifest), device)
    check_split(run, opened.info, opened.manifest)
    numbers = opened.scorable()
    rows = list(opened.manifest.rows())
    known = sampled(labelled([row for row in rows if row.media_id in numbers]), split, seed=seed)
    items = known.only(known.split == split)
    if not len(items):
        raise MissingInput(f"{run.name}: no item of the {split} split has tokens", "make manifest extract-features")
    log.info("evaluate: %d items of the %s split", len(items), split)
    judged, _ = opened.judge([numbers[row.media_id] for row in items.rows], device=device, batch_size=batch_size)
    model = Scorer(MODEL, f"fusion of {', '.join(opened.info.streams)}", judged.score, opened.info.threshold)
    log.info("evaluate: controls fitted on %d training items", int((known.split == "train").sum()))
    controls = [_restricted(control, known, split) for control in _controls(opened, known, numbers, seed)]
    scope = _scope(opened, known, split, [row for row in rows if row.split == split])
    evaluation = _summary(opened, scope, model, controls, device=device, seed=seed)
    write_predictions(run, items, judged, opened.info.threshold, controls)
    write_evaluation(run, evaluation)
    return evaluation


def evaluated(run: Path) -> Evaluation | None:
    """The evaluation that the folder has of the weights that it has now."""
    info = load_run(run, torch.device("cpu")).info
    try:
        found = read_evaluation(run)
    except MissingInput:
        return None
    return found if (found.key, found.best_epoch) == (info.key, info.best_epoch) else None


@dataclass(frozen=True)
class _Scope:
    """What became of every row of the split."""

    split: Split
    items: ItemSet
    """Those with a score."""
    out_of_scope: int
    missing: list[MediaRow]
    unseen: tuple[str, ...]
    """Datasets among the items that the run was not trained on."""


def _scope(opened: OpenRun, known: ItemSet, split: Split, of_split: list[MediaRow]) -> _Scope:
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


def _controls(opened: OpenRun, known: ItemSet, numbers: dict[str, int], seed: int) -> list[Scorer]:
    """Every control's score of every item of `known`, which holds all splits."""
    silence = item_silence(opened.shards, {row.media_id: row for row in known.rows})
    names = tuple(opened.data.streams)
    means, present = mean_tokens(opened.data, names, [numbers[row.media_id] for row in known.rows])
    return [
        majority(known),
        modality_probe(known, present),
        metadata_probe(known, seed=seed),
        silence_probe(known, silence_table([row.media_id for row in known.rows], silence), seed=seed),
        token_probe(known, means, present, seed=seed),
    ]


def _restricted(scorer: Scorer, known: ItemSet, split: Split) -> Scorer:
    chosen = known.split == split
    applies = None if scorer.applies is None else scorer.applies[chosen]
    return replace(scorer, score=scorer.score[chosen], applies=applies)


def _summary(
    opened: OpenRun, scope: _Scope, model: Scorer, controls: list[Scorer], *, device: torch.device, seed: int
) -> Evaluation:
    ours = measure(scope.items, model, seed=seed)
    theirs = [(control, measure(scope.items, control, seed=seed)) for control in controls]
    return Evaluation(
        run=opened.run.name,
        key=opened.info.key,
        best_epoch=opened.info.best_epoch,
        split=scope.split,
        split_scheme=_scheme(scope.items),
        split_hash=opened.info.split_hash,
        profile=opened.info.profile.name,
        seed=seed,
        given=len(scope.items) + len(scope.missing) + scope.out_of_scope,
        scored=len(scope.items),
        out_of_scope=scope.out_of_scope,
        failures=reasons(outcomes(opened.media), scope.missing),
        model=ours.table,
        controls=tuple(found.table for _, found in theirs),
        comparisons=tuple(compare(scope.items, ours, found, control.meaning) for control, found in theirs),
        notes=_notes(opened, scope),
        machine=machine_facts(device),
    )


def _scheme(items: ItemSet) -> str:
    return ", ".join(sorted({row.split_scheme for row in items.rows}))


def _notes(opened: OpenRun, scope: _Scope) -> tuple[str, ...]:
    notes, items = [], scope.items
    if leaking := allowed_leaks(_scheme(items)):
        notes.append(f"THIS SPLIT LEAKS: {leaking} people, recordings or files are in several splits. Do not quote it.")
    if scope.out_of_scope:
        kinds = ", ".join(opened.loaded.config.kinds)
        notes.append(f"{scope.out_of_scope} items are of kinds that this run does not judge (it judges {kinds}).")
    single = [name for name in items.datasets if len(set(items.is_fake[items.dataset == name].tolist())) < 2]
    if single:
        notes.append(f"One class only in {', '.join(single)}: no AUC there, and no share in the macro mean.")
    if scope.unseen:
        notes.append(f"Never trained on: {', '.join(scope.unseen)}.")
    if scope.split != "test":
        notes.append(f"{scope.split} items: threshold and checkpoint were chosen with them in view. Do not quote them.")
    return tuple(notes)
