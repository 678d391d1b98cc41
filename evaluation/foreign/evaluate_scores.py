"""Evaluate the scores of another system as those of a run: the same items, metrics, controls, slices and coverage."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from unmask.cache.store.profile_index import ProfileTokens
from unmask.core.errors import MissingInput, UsageError
from unmask.core.hashing import hash_file
from unmask.core.machine import describe_device
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.controls import fit_controls, limit_training_items
from unmask.evaluation.foreign.export import build_logits
from unmask.evaluation.foreign.last_tokens import NO_TOKENS, open_last_tokens
from unmask.evaluation.foreign.notes import write_notes
from unmask.evaluation.foreign.placed_scores import PlacedScores, place_scores
from unmask.evaluation.foreign.score_file import Side, read_scores
from unmask.evaluation.foreign.threshold import ScoreKind, Threshold, choose_threshold
from unmask.evaluation.item_set import ItemSet, select_labeled
from unmask.evaluation.predictions import Predictions, write_predictions
from unmask.evaluation.results import Evaluation, write_evaluation
from unmask.evaluation.score_tables import Scorer, compare, measure
from unmask.evaluation.slices.measure import measure_slices
from unmask.evaluation.stored.one_evaluation import PREDICTIONS
from unmask.manifests.audit.known_shortcuts import find_header_shortcuts, read_shortcuts
from unmask.manifests.manifest import Manifest, MediaRow, Split, read_manifest
from unmask.train.data.token_data import TokenData

log = logging.getLogger("unmask")

NO_SCORE = "no score in the file"
SAFE_NAME = re.compile(r"[\w.+-]*\w[\w.+-]*")


def evaluate_scores(
    path: Path,
    work: WorkFolder,
    *,
    name: str | None = None,
    split: Split = "test",
    kind: ScoreKind | None = None,
    higher_is: Side | None = None,
    seed: int = 0,
) -> Evaluation:
    """Metrics of the scores in `path` on `split`, also written as predictions.parquet and evaluation.json.

    They lie in <work>/foreign/<name>; `name` None: that of the file. `kind` None: probabilities where all scores are in
    0..1 and high ones mean fake, else any numbers. `higher_is` None: fake in a .csv, real in lines like ASVspoof's.
    Expected are the labeled items of the media kinds and datasets of which the file scores any. `UsageError` with the
    line for a score that is no finite number, a file with two scores, and an id that fits several files.
    """
    named = _check_name(name or path.stem)
    manifest = read_manifest(work.manifest)
    rows = [row for row in manifest.rows() if row.label is not None]
    placed = place_scores(read_scores(path), rows, kind, higher_is)
    scope = _describe_scope(rows, placed, split)
    if not len(scope.items):
        raise MissingInput(f"{path}: no score of a file of the {split} split", "--on val, or unmask split SCHEME")
    log.info("evaluate: %d items of the %s split have a score", len(scope.items), split)
    validation = ItemSet(tuple(row for row in rows if row.split == "val" and row in placed))
    threshold = choose_threshold(placed.kind, validation.is_fake, placed.take(validation.rows))
    score = placed.take(scope.items.rows)
    model = Scorer("model", f"scores of {path.name}", score, threshold.value, undefined=threshold.undefined)
    tokens = open_last_tokens(work, manifest)
    known = _select_known(rows, scope, split, seed)
    controls = [control.only(known.split == split) for control in _fit_controls(work, manifest, tokens, known, seed)]
    empty = np.full(len(score), np.nan)
    logit = build_logits(score, placed.kind == "probability")
    scores = Predictions(logit, score, empty, empty, np.zeros(len(score), np.int64))
    evaluation = _summarize(work, manifest, scope, placed, model, controls, threshold, split=split, seed=seed)
    evaluation = replace(
        evaluation,
        run=named,
        key=hash_file(path)[:16],
        profile=evaluation.profile if tokens is None else tokens.profile.name,
        notes=(*evaluation.notes, *([NO_TOKENS] if tokens is None else [])),
        slices=measure_slices(scope.items, scores, threshold.value, seed=seed, undefined=threshold.undefined),
    )
    folder = work.foreign / named
    folder.mkdir(parents=True, exist_ok=True)
    digest = write_predictions(folder, scope.items, scores, threshold.value, controls)
    evaluation = replace(evaluation, files={PREDICTIONS: digest})
    write_evaluation(folder, evaluation)
    return evaluation


@dataclass(frozen=True)
class _Scope:
    """Labeled rows of the split, by outcome."""

    items: ItemSet
    """With a score."""
    missing: list[MediaRow]
    out_of_scope: int
    kinds: set[str]
    """Media kinds of the rows with a score."""


def _check_name(name: str) -> str:
    if not SAFE_NAME.fullmatch(name):
        raise UsageError(f"{name!r}: not a name for a folder", "--name with letters, digits, . + - _")
    return name


def _describe_scope(rows: list[MediaRow], placed: PlacedScores, split: Split) -> _Scope:
    known = {(row.dataset, row.kind) for row in rows if row in placed}
    of_split = [row for row in rows if row.split == split]
    in_scope = [row for row in of_split if (row.dataset, row.kind) in known]
    return _Scope(
        items=ItemSet(tuple(row for row in in_scope if row in placed)),
        missing=[row for row in in_scope if row not in placed],
        out_of_scope=len(of_split) - len(in_scope),
        kinds={kind for _, kind in known},
    )


def _select_known(rows: list[MediaRow], scope: _Scope, split: Split, seed: int) -> ItemSet:
    """The scored items of `split`, and the items of the other splits that the controls are fitted on."""
    scored = {row.media_id for row in scope.items.rows}
    chosen = [
        row
        for row in rows
        if row.media_id in scored or (row.split != split and row.kind in scope.kinds and row.status == "ok")
    ]
    return limit_training_items(select_labeled(chosen), split, seed=seed)


def _fit_controls(
    work: WorkFolder, manifest: Manifest, tokens: ProfileTokens | None, known: ItemSet, seed: int
) -> list[Scorer]:
    if tokens is None:
        return fit_controls(known, (), None, seed=seed)
    shards = [work.media / tokens.media / name for name in tokens.shards]
    return fit_controls(known, shards, TokenData.load(manifest, tokens), seed=seed)


def _summarize(
    work: WorkFolder,
    manifest: Manifest,
    scope: _Scope,
    placed: PlacedScores,
    model: Scorer,
    controls: list[Scorer],
    threshold: Threshold,
    *,
    split: Split,
    seed: int,
) -> Evaluation:
    items = scope.items
    ours = measure(items, model, seed=seed)
    theirs = [(control, measure(items, control, seed=seed)) for control in controls]
    shortcuts = read_shortcuts(work.audit_results, manifest, items.datasets)
    return Evaluation(
        run="",
        key="",
        best_epoch=0,
        split=split,
        split_scheme=", ".join(sorted({row.split_scheme for row in items.rows})),
        split_hash=manifest.split_hash,
        profile="none",
        seed=seed,
        given=len(items) + len(scope.missing) + scope.out_of_scope,
        scored=len(items),
        out_of_scope=scope.out_of_scope,
        failures={f"{row.dataset}/{row.path}": NO_SCORE for row in scope.missing},
        model=ours.table,
        controls=tuple(measured.table for _, measured in theirs),
        comparisons=tuple(compare(items, ours, measured, control) for control, measured in theirs),
        notes=write_notes(placed, items, model, ours.table, threshold, split),
        machine=describe_device(torch.device("cpu")),
        shortcuts=find_header_shortcuts(items.rows, seed) if shortcuts is None else shortcuts,
        audit="headers" if shortcuts is None else "audit",
    )
