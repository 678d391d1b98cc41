"""ROC curves, reliability, score histograms and training curves."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from unmask.evaluation.paper.figure_data import FigureData
from unmask.evaluation.paper.figures.style import (
    COLUMNS,
    DASHES,
    FAKE,
    GREY,
    MODEL,
    ORANGE,
    OTHERS,
    REAL,
    draw_diagonal,
    make_figure,
    set_unit_axes,
)
from unmask.evaluation.predictions import CONTROL
from unmask.evaluation.report.charts import BESIDE, SCORE_BINS, read_column, read_labels, read_values
from unmask.evaluation.results import POOLED
from unmask.metrics.calibration import bin_reliability

FALSE, TRUE = "false positive rate", "true positive rate"


def draw_pooled_roc(data: FigureData, width: float) -> Figure | None:
    """All items together, with the controls that matter most."""
    if data.evaluation.model.row(POOLED).auc is None:
        return None
    figure = make_figure(min(width, 3.6), min(width, 3.6) * 0.95)
    axes = figure.add_subplot()
    _draw_roc(axes, data, POOLED, np.ones(data.predictions.num_rows, np.bool_), named=True)
    set_unit_axes(axes, FALSE, TRUE)
    axes.legend(loc="lower right")
    return figure


def draw_roc_per_dataset(data: FigureData, width: float) -> Figure | None:
    """One panel per dataset with enough items of both classes."""
    dataset = np.array(data.predictions.column("dataset").to_pylist(), np.str_)
    names = [row.name for row in data.evaluation.model.datasets if row.auc is not None and not row.is_small]
    if not names:
        return None
    columns = min(len(names), 4 if width > COLUMNS["1col"] else 2)
    lines = math.ceil(len(names) / columns)
    figure = make_figure(width, lines * (width / columns + 0.2) + 0.3)
    panels = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    for axes, name in zip(panels.flat, names, strict=False):
        _draw_roc(axes, data, name, dataset == name, named=False)
        set_unit_axes(axes, "", "")
        row = data.evaluation.model.row(name)
        axes.annotate(f"{name}\nAUC {row.auc:.3f}", (0.97, 0.06), xycoords="axes fraction", ha="right", fontsize=6.5)
    for axes in panels.flat[len(names) :]:
        axes.set_axis_off()
    figure.supxlabel(FALSE, fontsize=7)
    figure.supylabel(TRUE, fontsize=7)
    handles = panels.flat[0].get_lines()[1:]
    labels = [line.get_label() for line in handles]
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def _draw_roc(axes: Axes, data: FigureData, name: str, part: NDArray[np.bool_], *, named: bool) -> None:
    """`named`: the AUC is in the legend."""
    draw_diagonal(axes)
    is_fake = read_labels(data.predictions)[part]
    scores = [("model", read_column(data.predictions, "score")[part], data.evaluation.model.row(name).auc)]
    for table in data.evaluation.controls:
        if table.name in BESIDE and table.row(name).auc is not None:
            scores.append((table.name, read_column(data.predictions, CONTROL + table.name)[part], table.row(name).auc))
    for number, (label, score, auc) in enumerate(scores):
        alarms, hits, _ = roc_curve(is_fake, score)
        text = f"{label}, AUC {auc:.3f}" if named else label
        (line,) = axes.plot(alarms, hits, label=text, color=MODEL, zorder=3)
        if number:
            line.set(color=OTHERS[number - 1], linewidth=0.9, linestyle=DASHES[number - 1], zorder=2)


def draw_reliability(data: FigureData, width: float) -> Figure:
    """Share of fakes against the mean probability, in bins of all items."""
    figure = make_figure(min(width, 3.6), min(width, 3.6) * 0.95)
    axes = figure.add_subplot()
    draw_diagonal(axes)
    predicted, observed = bin_reliability(read_labels(data.predictions), read_column(data.predictions, "score"))
    axes.plot(predicted, observed, color=MODEL, marker="o", markersize=3)
    set_unit_axes(axes, "mean probability of fake", "share of fakes")
    ece = data.evaluation.model.row(POOLED)["ece"]
    if ece is not None:
        axes.annotate(f"ECE {ece:.3f}", (0.97, 0.06), xycoords="axes fraction", ha="right")
    return figure


def draw_score_histogram(data: FigureData, width: float) -> Figure:
    """Shares of each class over the score."""
    figure = make_figure(width, min(2.3, width * 0.62))
    axes = figure.add_subplot()
    is_fake, score = read_labels(data.predictions), read_column(data.predictions, "score")
    for label, values, color, hatch in (("real", score[~is_fake], REAL, None), ("fake", score[is_fake], FAKE, "////")):
        weights, named = np.full(len(values), 1 / max(1, len(values))), f"{label} ({len(values)})"
        axes.hist(
            values,
            SCORE_BINS,
            range=(0, 1),
            weights=weights,
            label=named,
            color=color,
            hatch=hatch,
            alpha=0.55,
            linewidth=0,
        )
    threshold = data.evaluation.model.threshold
    axes.axvline(threshold, color=GREY, linewidth=0.8, linestyle=(0, (3, 3)), label=f"threshold {threshold:.3f}")
    axes.set(xlim=(0, 1), xlabel="probability of fake", ylabel="share of the class")
    axes.legend()
    return figure


def draw_training(data: FigureData, width: float) -> Figure | None:
    """Loss and AUC per epoch, the kept epoch marked; None for an ensemble, which has no training of its own."""
    if not data.training:
        return None
    wide = width > COLUMNS["1col"]
    figure = make_figure(width, 2.1 if wide else 3.8)
    losses, areas = figure.subplots(1, 2) if wide else figure.subplots(2, 1, sharex=True)
    epochs = [line["epoch"] for line in data.training]
    lines = (
        (losses, "training", ("train", "fake"), ORANGE, DASHES[0]),
        (losses, "validation", ("validation", "loss"), MODEL, "solid"),
        (areas, "macro", ("validation", "macro", "auc"), MODEL, "solid"),
        (areas, "pooled", ("validation", "pooled", "auc"), ORANGE, DASHES[0]),
    )
    for axes, label, keys, color, dashes in lines:
        axes.plot(epochs, read_values(data.training, *keys), label=label, color=color, linestyle=dashes)
    for axes, name in ((losses, "cross-entropy (nats)"), (areas, "validation AUC")):
        axes.axvline(data.training[-1]["best_epoch"], color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
        axes.set_ylabel(name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend()
    for axes in (losses, areas) if wide else (areas,):
        axes.set_xlabel("epoch")
    return figure
