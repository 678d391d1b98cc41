"""One self-contained HTML page about a run and the data behind it, with its model card; figures for a paper."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import torch

from unmask.cache.spec import EncoderSpec
from unmask.cache.stage import open_tokens
from unmask.core.atomic_files import write_text
from unmask.core.errors import MissingInput
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.ablation.newest_ablation import find_newest
from unmask.evaluation.evaluate import add_audit, find_evaluation
from unmask.evaluation.model_card.card import FILE, CardData, format_card
from unmask.evaluation.paper.figure_data import FigureData
from unmask.evaluation.paper.files import write_paper
from unmask.evaluation.predictions import read_predictions
from unmask.evaluation.report.class_differences import compare_labels
from unmask.evaluation.report.failed_files import find_lost_rows, group_lost
from unmask.evaluation.report.missing_faces import find_missed_faces, find_shards, make_sheet
from unmask.evaluation.report.page import write_page
from unmask.evaluation.report.page_data import PageData
from unmask.evaluation.report.provenance import list_commands, list_dates, list_settings
from unmask.evaluation.report.section_data.model_inside import look_inside
from unmask.evaluation.report.stage_counts import (
    count_datasets,
    count_stages,
    describe_run,
    is_synthetic,
    list_failures,
    read_finished_shards,
)
from unmask.evaluation.results import Evaluation
from unmask.evaluation.robustness.robustness import find_robustness
from unmask.evaluation.suites.newest_suites import find_newest_suites
from unmask.evaluation.unscored_items import load_outcomes
from unmask.manifests.manifest import Manifest, MediaRow, read_manifest
from unmask.train.resume.earlier_training import load_finished
from unmask.train.run_folder import LoadedRun, load_run, read_metrics

__all__ = ["report"]

PACKAGE = "unmask"


def report(work: WorkFolder, run: Path, figures: Path | None = None) -> Path:
    """Write `work.report` about `run` and its model card; raise `MissingInput` if the run has not been evaluated.

    `figures`: also write figures, tables and references for a paper into this folder.
    """
    evaluation = find_evaluation(run)
    if evaluation is None:
        raise MissingInput(f"{run.name}: its current weights have not been evaluated", "unmask evaluate")
    manifest, loaded = read_manifest(work.manifest), load_run(run, torch.device("cpu"))
    evaluation, rows = add_audit(evaluation, work.audit_results, manifest), list(manifest.rows())
    page = _collect_page(work, run, loaded, evaluation, manifest, rows)
    write_page(work.report, page)
    write_text(run / FILE, format_card(_collect_card(run, loaded, page, rows)))
    if figures is not None:
        paper = FigureData(
            evaluation=evaluation,
            predictions=page.predictions,
            training=page.training,
            preset=page.preset,
            ablation=page.ablation,
        )
        write_paper(figures, paper, _list_specs(loaded), version(PACKAGE))
    return work.report


def _collect_page(
    work: WorkFolder, run: Path, loaded: LoadedRun, evaluation: Evaluation, manifest: Manifest, rows: list[MediaRow]
) -> PageData:
    streams = open_tokens(work, manifest, loaded.info.profile)
    media = work.media / streams.media
    known, tokens = load_outcomes(media), read_finished_shards(streams)
    lost, searched = find_lost_rows(rows, known), streams.profile.preprocess.detector != "none"
    lines, differences = compare_labels(rows, known, searched=searched)
    config = loaded.config
    return PageData(
        evaluation=evaluation,
        headline=[
            *describe_run(evaluation, config.preset, config.seed, load_finished(run, loaded.info.key)),
            *(("layers mixed", line) for line in loaded.model.describe_layers()),
        ],
        dates=list_dates(run),
        commands=list_commands(config, evaluation, members=len(loaded.members)),
        members=[member.run for member in loaded.info.members],
        settings=list_settings(config),
        synthetic=is_synthetic(manifest),
        datasets=count_datasets(rows, known),
        stages=count_stages(rows, known, streams, tokens, evaluation),
        failures=list_failures(rows, known, tokens),
        predictions=read_predictions(run),
        training=read_metrics(run),
        by_label=lines,
        differences=differences,
        faces=make_sheet(media, rows),
        missed=find_missed_faces(media, rows, known) if searched else None,
        lost=group_lost(lost, known, find_shards(media, lost)),
        robustness=find_robustness(run, evaluation),
        preset=config.preset,
        inside=look_inside(loaded),
        ablation=find_newest(work.ablations, config.preset),
        suites=find_newest_suites(work.suites, config.preset),
    )


def _collect_card(run: Path, loaded: LoadedRun, page: PageData, rows: list[MediaRow]) -> CardData:
    return CardData(
        evaluation=page.evaluation,
        config=loaded.config,
        summary=load_finished(run, loaded.info.key),
        encoders=_list_specs(loaded),
        rows=rows,
        trained_on=loaded.info.shape.datasets,
        commands=page.commands,
        synthetic=page.synthetic,
        version=version(PACKAGE),
    )


def _list_specs(loaded: LoadedRun) -> dict[str, EncoderSpec]:
    return {name: stream.spec for name, stream in loaded.info.streams.items()}
