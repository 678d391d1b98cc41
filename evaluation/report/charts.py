"""Charts of the report, from predictions and the lines of metrics.jsonl."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from markupsafe import Markup
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from unmask.core.html.svg_charts import Series, draw_histogram, draw_line_chart, fit_axis, make_unit_axis
from unmask.evaluation.predictions import CONTROL
from unmask.evaluation.results import POOLED, Evaluation, MetricRow
from unmask.metrics.calibration import bin_reliability
from unmask.train.best_epoch import describe_choice

# Controls drawn beside the model's ROC curve: the two that matter most.
BESIDE = ("metadata only", "linear probe")
SCORE_BINS = 20


@dataclass(frozen=True, slots=True)
class Chart:
    caption: str
    svg: Markup
    keys: tuple[tuple[str, str], ...] = ()
    """(CSS class, name) of its lines, if the section has no common legend."""


def draw_roc_charts(evaluation: Evaluation, predictions: pa.Table, styles: dict[str, str]) -> list[Chart]:
    """Pooled, then one per dataset with enough items of each class; the controls of BESIDE as thin lines."""
    dataset = np.array(predictions.column("dataset").to_pylist(), np.str_)
    large = (row.name for row in evaluation.model.datasets if row.auc is not None and not row.is_small)
    names = [name for name in large if name in set(dataset.tolist())]
    parts = [(POOLED, np.ones(len(dataset), np.bool_)), *((name, dataset == name) for name in names)]
    return [
        _draw_roc(name, predictions, part, evaluation, styles) for name, part in parts if _has_both(predictions, part)
    ]


def list_small_sets(evaluation: Evaluation) -> list[MetricRow]:
    """Datasets with both classes and too few items of one: a curve of them has a few steps of chance."""
    return [row for row in evaluation.model.datasets if row.auc is not None and row.is_small]


def _draw_roc(
    name: str, predictions: pa.Table, part: NDArray[np.bool_], evaluation: Evaluation, styles: dict[str, str]
) -> Chart:
    is_fake = read_labels(predictions)[part]
    series = []
    for control in BESIDE:
        if _has_auc(evaluation, control, name):
            score = read_column(predictions, CONTROL + control)[part]
            series.append(Series(control, *_compute_roc(is_fake, score), f"thin {styles[control]}"))
    series.append(Series("model", *_compute_roc(is_fake, read_column(predictions, "score")[part]), "model"))
    x, y = make_unit_axis("false positive rate"), make_unit_axis("true positive rate")
    chart = draw_line_chart(f"ROC, {name}", series, x, y, width=280, height=250, diagonal=True)
    row = evaluation.model.row(name)
    return Chart(f"{name}: AUC {row.auc:.3f}, {row.n_real} real, {row.n_fake} fake", chart)


def _compute_roc(is_fake: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """False positive and true positive rate (0..1) as the threshold falls."""
    alarms, hits, _ = roc_curve(is_fake, score, drop_intermediate=False)
    return alarms.tolist(), hits.tolist()


def _has_auc(evaluation: Evaluation, control: str, row: str) -> bool:
    return any(table.name == control and table.row(row).auc is not None for table in evaluation.controls)


def draw_scores(predictions: pa.Table) -> Chart:
    is_fake, score = read_labels(predictions), read_column(predictions, "score")
    real, fake = count_shares(score[~is_fake]), count_shares(score[is_fake])
    y = fit_axis("share of the class", [0.0, *real, *fake])
    bars = [("real", "real", real), ("fake", "fake", fake)]
    drawn = draw_histogram("Scores of real and fake items", bars, make_unit_axis("probability of fake"), y)
    keys = (("real", "real items"), ("fake", "fake items"))
    return Chart("Scores per class; less overlap is better", drawn, keys)


def count_shares(score: NDArray[np.float64]) -> list[float]:
    """Share of the scores in each of SCORE_BINS equal bins of 0..1; all 0 without scores."""
    counts, _ = np.histogram(score, SCORE_BINS, (0.0, 1.0))
    return [count / max(1, len(score)) for count in counts.tolist()]


def draw_calibration(evaluation: Evaluation, predictions: pa.Table) -> Chart:
    x, y = bin_reliability(read_labels(predictions), read_column(predictions, "score"))
    line = Series("model", x, y, "model", marks=True)
    axes = make_unit_axis("mean probability of fake"), make_unit_axis("share of fakes")
    drawn = draw_line_chart("Calibration", [line], *axes, diagonal=True)
    ece = evaluation.model.row(POOLED)["ece"]
    figure = "n/a" if ece is None else f"{ece:.3f}"
    keys = (("model", "model"), ("chance", "perfect calibration"))
    return Chart(f"Calibration, all items: expected calibration error {figure}", drawn, keys)


def draw_sync(predictions: pa.Table) -> Chart | None:
    """Offset and fit of each compared file; None without a sync encoder."""
    if "sync_fit" not in predictions.column_names:
        return None
    is_fake, fit = read_labels(predictions), read_column(predictions, "sync_fit")
    offset = read_column(predictions, "sync_offset_ms")
    known, parts = ~np.isnan(fit), (("genuine", "real", ~is_fake), ("fake", "fake", is_fake))
    series = [
        Series(name, offset[known & part].tolist(), fit[known & part].tolist(), style, joined=False)
        for name, style, part in parts
    ]
    axes = fit_axis("offset of the audio, ms", offset[known].tolist()), fit_axis("fit", fit[known].tolist())
    drawn = draw_line_chart("Offset and fit of mouth and audio", series, *axes, width=300, height=230)
    return Chart("Offset and fit per file", drawn, tuple((style, f"{name} files") for name, style, _ in parts))


def draw_training(lines: Sequence[dict[str, Any]]) -> list[Chart]:
    """The number that chooses the epoch, losses, AUC and accuracy of the discriminators, with the kept epoch marked."""
    if not lines:
        return []
    epochs = [float(line["epoch"]) for line in lines]
    best = lines[-1]["best_epoch"]
    marker = (float(best), f"kept {best}")
    losses = [
        Series("training", epochs, read_values(lines, "train", "fake"), "training"),
        Series("validation", epochs, read_values(lines, "validation", "loss"), "model"),
    ]
    areas = [
        Series("macro", epochs, read_values(lines, "validation", "macro", "auc"), "model"),
        Series("pooled", epochs, read_values(lines, "validation", "pooled", "auc"), "training"),
    ]
    domains = [
        Series("discriminators", epochs, read_values(lines, "validation", "domain_accuracy"), "model"),
        Series("chance", epochs, read_values(lines, "validation", "domain_chance"), "chance"),
    ]
    told = "Validation accuracy of the domain discriminators; near chance, the features do not tell the dataset"
    charts = [
        ("Real/fake loss", losses, "cross-entropy (nats)"),
        ("AUC on validation, macro over all datasets with both classes", areas, "AUC"),
        (told, domains, "accuracy"),
    ]
    if criterion := lines[-1].get("criterion"):
        deciding = [Series("decides", epochs, read_values(lines, "deciding"), "model")]
        unit = "AUC" if criterion in ("macro_auc", "auc") else "cross-entropy (nats)"
        charts.insert(0, (f"Chooses the epoch: {describe_choice(criterion)}: epoch {best}", deciding, unit))
    return [_draw_lines(caption, series, epochs, y, marker) for caption, series, y in charts]


def _draw_lines(
    caption: str, series: list[Series], epochs: list[float], y: str, marker: tuple[float, str] | None
) -> Chart:
    values = [value for line in series for value in line.y]
    x = fit_axis("epoch", epochs, whole=True)
    drawn = draw_line_chart(caption, series, x, fit_axis(y, values), width=300, height=230, marker=marker)
    return Chart(caption, drawn, tuple((line.style, line.label) for line in series))


def read_values(lines: Sequence[dict[str, Any]], *keys: str) -> list[float]:
    """One value per epoch; NaN, a gap in the line, if an epoch has none."""
    values = []
    for line in lines:
        value: Any = line
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        values.append(float("nan") if value is None else float(value))
    return values


def read_labels(predictions: pa.Table) -> NDArray[np.bool_]:
    return np.array([label == 1 for label in predictions.column("label").to_pylist()], np.bool_)


def read_column(predictions: pa.Table, name: str) -> NDArray[np.float64]:
    return np.array(predictions.column(name).to_pylist(), np.float64)


def _has_both(predictions: pa.Table, part: NDArray[np.bool_]) -> bool:
    is_fake = read_labels(predictions)[part]
    return bool(is_fake.any() and not is_fake.all())
