"""The figures of a paper. FIGURES lists each once; its files and its caption follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from unmask.core.atomic_files import write_text
from unmask.evaluation.paper.figure_data import FigureData
from unmask.evaluation.paper.figures import bars, curves
from unmask.evaluation.paper.figures.style import COLUMNS, apply_style, save_figure

CAPTIONS = "captions.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperFigure:
    name: str
    """Its files are <name>-<column>.pdf and .png."""
    caption: str
    draw: Callable[[FigureData, float], Figure | None]
    """(data, width in inches); None where there is nothing to draw."""
    absent: str = ""
    """Why there may be nothing to draw."""


FIGURES: tuple[PaperFigure, ...] = (
    PaperFigure(
        name="roc-pooled",
        caption="ROC curves over all {split} items; the dashed diagonal is chance.",
        draw=curves.draw_pooled_roc,
        absent="all items are of one class",
    ),
    PaperFigure(
        name="roc-datasets",
        caption="ROC curves per dataset with at least five items of each class.",
        draw=curves.draw_roc_per_dataset,
        absent="no dataset has five items of each class",
    ),
    PaperFigure(
        name="forest",
        caption="AUC per dataset: the model with its 95 % interval from resampling whole groups of linked items, and "
        "controls. *: fewer than five items of a class, mostly luck. macro: mean over datasets; macro 5+: over those "
        "without *.",
        draw=bars.draw_forest,
    ),
    PaperFigure(
        name="reliability",
        caption="Share of fakes against the mean probability of fake, in bins. Dashed: perfect calibration.",
        draw=curves.draw_reliability,
    ),
    PaperFigure(
        name="scores",
        caption="Scores of real and fake items, each class adding up to 1.",
        draw=curves.draw_score_histogram,
    ),
    PaperFigure(
        name="training",
        caption="Loss of training and validation items, and validation AUC. Dotted: the kept epoch.",
        draw=curves.draw_training,
        absent="an ensemble has no training of its own",
    ),
    PaperFigure(
        name="ablation",
        caption="Mean AUC over datasets per preset; lines: standard deviation over seeds.",
        draw=bars.draw_ablation,
        absent="no ablation has this run's preset",
    ),
)


def write_figures(folder: Path, data: FigureData) -> list[Path]:
    """Draw every figure of FIGURES in both widths, and captions.md with what each shows."""
    written, lines = [], []
    for figure in FIGURES:
        files = _write_figure(folder, figure, data)
        caption = figure.caption.format(split=data.evaluation.split)
        lines.append(f"- **{figure.name}**: {caption}" if files else f"- {figure.name}: not drawn, {figure.absent}.")
        written += files
    about = f"{data.evaluation.run}, {data.evaluation.split} split, {data.evaluation.split_scheme}."
    write_text(folder / CAPTIONS, "\n".join([about, "", *lines]) + "\n")
    return [*written, folder / CAPTIONS]


def _write_figure(folder: Path, figure: PaperFigure, data: FigureData) -> list[Path]:
    written = []
    for column, width in COLUMNS.items():
        with apply_style():
            drawn = figure.draw(data, width)
            written += save_figure(drawn, folder, f"{figure.name}-{column}") if drawn else []
    return written
