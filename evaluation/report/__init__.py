"""One self-contained HTML page about a run and the data behind it."""

from __future__ import annotations

from pathlib import Path

import torch

from unmask.cache.stage import open_streams
from unmask.core.errors import MissingInput
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.evaluate import find_evaluation
from unmask.evaluation.predictions import read_predictions
from unmask.evaluation.report.class_differences import label_lines
from unmask.evaluation.report.failed_files import lost_groups, lost_rows
from unmask.evaluation.report.missing_faces import drawn_sheet, missed_faces, shards_of
from unmask.evaluation.report.page import write_page
from unmask.evaluation.report.page_data import PageData
from unmask.evaluation.report.stage_counts import (
    dataset_lines,
    failure_lines,
    finished_shards,
    headline,
    is_synthetic,
    stage_lines,
)
from unmask.evaluation.unscored_items import load_outcomes
from unmask.manifests.manifest import read_manifest
from unmask.train.run_folder import finished, load_run, read_metrics

__all__ = ["report"]


def report(work: WorkFolder, run: Path) -> Path:
    """Write `work.report` about `run`, which has been evaluated. `MissingInput` where it has not."""
    evaluation, predictions = find_evaluation(run), read_predictions(run)
    if evaluation is None:
        raise MissingInput(f"{run.name}: its present weights have not been evaluated", "make evaluate")
    manifest, loaded = read_manifest(work.manifest), load_run(run, torch.device("cpu"))
    streams = open_streams(work, manifest, loaded.info.profile)
    rows, media = list(manifest.rows()), work.media / streams.media
    known, tokens = load_outcomes(media), finished_shards(streams)
    summary, lost = finished(run, loaded.info.key), lost_rows(rows, known)
    searched = streams.profile.preprocess.detector != "none"
    lines, differences = label_lines(rows, known, searched=searched)
    data = PageData(
        evaluation=evaluation,
        headline=headline(evaluation, loaded.config.preset, loaded.config.seed, summary),
        synthetic=is_synthetic(manifest),
        datasets=dataset_lines(rows, known),
        stages=stage_lines(rows, known, streams, tokens, evaluation),
        failures=failure_lines(rows, known, tokens),
        predictions=predictions,
        training=read_metrics(run),
        by_label=lines,
        differences=differences,
        faces=drawn_sheet(media, rows),
        missed=missed_faces(media, rows, known) if searched else None,
        lost=lost_groups(lost, known, shards_of(media, lost)),
    )
    write_page(work.report, data)
    return work.report
