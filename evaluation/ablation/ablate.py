"""Train and evaluate presets x seeds on the same tokens; finished runs are reused."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from unmask.cache.stage import open_tokens
from unmask.core.engines.cluster import Cluster
from unmask.core.errors import MissingInput, UsageError
from unmask.core.file_lock import Held
from unmask.core.hashing import fingerprint
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.ablation.ablation_files import name_ablation, write_ablation
from unmask.evaluation.ablation.ablation_table import Ablation, AblationRow, list_figures
from unmask.evaluation.ablation.cells_on_cluster import AblationCell, train_on_cluster
from unmask.evaluation.ablation.differences import add_differences, choose_base
from unmask.evaluation.evaluate import add_audit, evaluate, find_evaluation
from unmask.evaluation.predictions import read_predictions
from unmask.evaluation.results import MACRO, Evaluation
from unmask.evaluation.sentences import describe_seen, describe_shortcuts
from unmask.evaluation.tables.spread import Spread, spread_over_seeds
from unmask.evaluation.terminal_table import number
from unmask.evaluation.token_reuse import store_uses
from unmask.manifests.manifest import Manifest, Split, read_manifest
from unmask.train.config import TrainConfig
from unmask.train.data.token_data import TokenData
from unmask.train.fit import fit
from unmask.train.run_folder import read_summary, run_folder

log = logging.getLogger("unmask")


def ablate(
    work: WorkFolder,
    presets: Mapping[str, TrainConfig],
    seeds: Sequence[int],
    *,
    device: torch.device,
    split: Split = "test",
    base: str | None = None,
    cluster: Cluster | None = None,
) -> Ablation:
    """Train and evaluate the missing runs of `presets` x `seeds`; also written to a folder of its own.

    Every row is compared with the row `base` (None: `linear`, else the first) over the same items and seeds.
    A preset that this data cannot train (no audio, for example) is a row with the problem; if none can be trained,
    raises `UsageError`. A stopped ablation is not written: an earlier table stays. On a `cluster`, every run is a task.
    """
    seeds = tuple(dict.fromkeys(seeds))
    configs = {name: [config.changed({"seed": seed}) for seed in seeds] for name, config in presets.items()}
    if not presets or not seeds:
        raise UsageError("nothing to compare", "name at least one preset and one seed")
    base = choose_base([*presets], base)
    began = time.time()
    manifest = read_manifest(work.manifest)
    data = TokenData.load(manifest, open_tokens(work, manifest))
    rows, evaluated, stopped = _train_presets(configs, data, work, device, split, cluster)
    if not stopped and not any(row.runs for row in rows):
        raise UsageError("none of the presets can be trained on this data", rows[0].problem or "")
    if base in evaluated and not stopped:
        rows = list(add_differences(rows, base, evaluated, work.runs))
    # `linear` stands in every table, whatever the others read: its controls are only shown where there are no others.
    controls_of = next((preset for preset in evaluated if preset != "linear"), next(iter(evaluated), ""))
    ablation = Ablation(
        name=name_ablation(list(presets), _make_key(configs, data, split)),
        split=split,
        split_hash=data.split_hash,
        profile=data.profile.name,
        seeds=seeds,
        rows=tuple(rows),
        controls=evaluated[controls_of][0].controls if evaluated else (),
        controls_of=controls_of,
        stores=store_uses(work, {run for row in rows for run in row.runs}, began),
        stopped=stopped,
        shortcuts=_list_warnings(evaluated, controls_of, work, manifest) if evaluated else (),
        base=base if any(row.differences for row in rows) else "",
    )
    if not stopped:
        write_ablation(work.ablations / ablation.name, ablation)
    return ablation


def _train_presets(
    configs: Mapping[str, Sequence[TrainConfig]],
    data: TokenData,
    work: WorkFolder,
    device: torch.device,
    split: Split,
    cluster: Cluster | None,
) -> tuple[list[AblationRow], dict[str, list[Evaluation]], bool]:
    """A row per preset, the evaluations of those that could be trained, and whether the user stopped."""
    if cluster is not None:
        if train_on_cluster(cluster, _train_cell, work, configs, device, split):
            return [], {}, True
        device = torch.device("cpu")  # of this machine, which finds everything trained and evaluated
    rows: list[AblationRow] = []
    evaluated: dict[str, list[Evaluation]] = {}
    for preset, chosen in configs.items():
        evaluations, problem, stopped = _train_preset(chosen, data, work, device, split)
        if stopped:
            return rows, evaluated, True
        if evaluations:
            evaluated[preset] = evaluations
        rows.append(_build_row(preset, evaluations, work, problem))
    return rows, evaluated, False


def _train_cell(cell: AblationCell) -> None:
    """Train and evaluate one run on a machine of a cluster. A refused one is met again, and told of, by `ablate`."""
    manifest = read_manifest(cell.work.manifest)
    data = TokenData.load(manifest, open_tokens(cell.work, manifest))
    if cell.device == "cpu":
        torch.set_num_threads(cell.threads)
    _train_preset([cell.config], data, cell.work, torch.device(cell.device), cell.split)


def _list_warnings(
    evaluated: Mapping[str, Sequence[Evaluation]], controls_of: str, work: WorkFolder, manifest: Manifest
) -> tuple[str, ...]:
    """What the encoders of any preset have seen, then the shortcuts in the data."""
    audited = add_audit(evaluated[controls_of][0], work.audit_results, manifest)
    seen = dict.fromkeys(text for one, *_ in evaluated.values() for text, _ in describe_seen(one))
    return (*seen, *(text for text, _ in describe_shortcuts(audited)))


def _make_key(configs: Mapping[str, Sequence[TrainConfig]], data: TokenData, split: Split) -> str:
    settings = {name: [config.fingerprint() for config in chosen] for name, chosen in configs.items()}
    return fingerprint("ablation-1", settings, split, data.fingerprint(list(data.all_streams)))


def _train_preset(
    configs: Sequence[TrainConfig], data: TokenData, work: WorkFolder, device: torch.device, split: Split
) -> tuple[list[Evaluation], str | None, bool]:
    """Evaluations of one preset, the reason if there are none, and whether the user stopped it."""
    evaluations: list[Evaluation] = []
    for config in configs:
        try:
            run = run_folder(work.runs, data, config)
            if fit(data, config, run, device=device, purpose="ablation").stopped:
                return evaluations, None, True
        except Held:  # says nothing of the preset
            raise
        except UsageError as error:
            log.warning("%s: %s", config.preset, error.problem)
            return evaluations, error.problem, False
        evaluations.append(_evaluate_run(run, work, device, split))
        log.info("%s: macro AUC %s", run.name, number(evaluations[-1].model.row(MACRO).auc))
    return evaluations, None, False


def _evaluate_run(run: Path, work: WorkFolder, device: torch.device, split: Split) -> Evaluation:
    """Evaluation of `run`; one of the same weights and split is reused."""
    try:
        earlier = find_evaluation(run)
    except MissingInput as error:
        log.warning("%s: evaluated again", error.problem)
        earlier = None
    return earlier if earlier and earlier.split == split else evaluate(run, work, device=device, split=split)


def _build_row(preset: str, evaluations: Sequence[Evaluation], work: WorkFolder, problem: str | None) -> AblationRow:
    names = [row.name for row in evaluations[0].model.datasets] if evaluations else []
    runs = tuple(evaluation.run for evaluation in evaluations)
    summaries = [read_summary(work.runs / run) for run in runs]
    scored = read_predictions(work.runs / runs[0]).column("media_id").to_pylist() if runs else []
    return AblationRow(
        preset=preset,
        runs=runs,
        items=len(scored),
        same_items=fingerprint(sorted(scored)),
        figures={title: _spread(evaluations, row, metric) for row, metric, title in list_figures()},
        datasets={name: _spread(evaluations, name, "auc") for name in names},
        validation=spread_over_seeds([(summary.validation or {}).get("macro", {}).get("auc") for summary in summaries]),
        train_seconds=float(np.mean([summary.train_seconds for summary in summaries])) if runs else None,
        problem=problem,
    )


def _spread(evaluations: Sequence[Evaluation], row: str, metric: str) -> Spread | None:
    return spread_over_seeds([evaluation.model.row(row)[metric] for evaluation in evaluations])
