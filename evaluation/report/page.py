"""The report: everything it shows is put together here, and the template only lays it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from unmask.core.atomic_files import write_text
from unmask.core.errors import MissingInput
from unmask.core.html.pages import environment
from unmask.evaluation.report.charts import BESIDE, calibration_chart, roc_charts, score_chart, training_charts
from unmask.evaluation.report.class_differences import FACTS, Difference, LabelLine, facts_of, figure
from unmask.evaluation.report.contact_sheet import Cell, Face
from unmask.evaluation.report.failed_files import LostGroup
from unmask.evaluation.report.forest_plot import forest, legend
from unmask.evaluation.report.missing_faces import Missed
from unmask.evaluation.report.stage_counts import DatasetLine, FailureLine, StageLine
from unmask.evaluation.results import Evaluation
from unmask.evaluation.terminal_table import PARTIAL, beside, number
from unmask.manifests.splits.leaks import allowed_leaks

# More rows help no reader; all of them are in the page's JSON.
FAILURES_SHOWN = 200
COLUMNS: tuple[tuple[str, str], ...] = (
    ("eer", "EER"),
    ("ap", "AP"),
    ("accuracy", "accuracy"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("f1", "F1"),
    ("ece", "ECE"),
)
STYLES = ("c1", "c2", "c3", "c4", "c5", "c6")


@dataclass(frozen=True, kw_only=True)
class PageData:
    """All that is on the page."""

    evaluation: Evaluation
    headline: Sequence[tuple[str, str]]
    synthetic: bool
    datasets: Sequence[DatasetLine]
    stages: Sequence[StageLine]
    failures: Sequence[FailureLine]
    predictions: pa.Table
    training: Sequence[dict[str, Any]]
    """Lines of metrics.jsonl."""
    by_label: Sequence[LabelLine]
    differences: Sequence[Difference]
    faces: dict[Cell, list[Face]]
    missed: Sequence[Missed] | None
    """None where nothing looked for faces."""
    lost: Sequence[LostGroup]


def write_page(path: Path, data: PageData) -> None:
    write_text(path, render(data))


def render(data: PageData) -> str:
    """One HTML document with no link to anything outside itself. Every text from a file or a name is escaped."""
    if data.predictions.num_rows != data.evaluation.scored:
        raise MissingInput(f"{data.evaluation.run}: predictions and evaluation differ", "make evaluate")
    pages = environment("unmask.evaluation.report")
    pages.filters |= {"number": number, "figure": figure, "visible": visible}
    return pages.get_template("page.html").render(**_context(data))


def visible(name: str) -> str:
    """A file's name with what cannot be seen in it, or turns it round, spelled out: newlines, controls, directions."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in name)


def _context(data: PageData) -> dict[str, Any]:
    evaluation = data.evaluation
    styles = {control.name: style for control, style in zip(evaluation.controls, STYLES, strict=False)}
    reasons = Counter((line.stage, line.reason.split(":")[0]) for line in data.failures)
    return {
        "evaluation": evaluation,
        "headline": data.headline,
        "cards": _cards(evaluation),
        "synthetic": data.synthetic,
        "leaks": allowed_leaks(data.evaluation.split_scheme),
        "columns": COLUMNS,
        "beside": beside,
        "partial": PARTIAL,
        "forest": forest(evaluation, styles),
        "legend": legend(evaluation, styles),
        "roc": roc_charts(evaluation, data.predictions, styles),
        "scores": [score_chart(data.predictions), calibration_chart(evaluation, data.predictions)],
        "roc_keys": [
            ("model", "model"),
            *((styles[name], name) for name in BESIDE if name in styles),
            ("chance", "a coin toss"),
        ],
        "training": training_charts(data.training),
        "datasets": data.datasets,
        "stages": data.stages,
        "reasons": sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0])),
        "failures": data.failures[:FAILURES_SHOWN],
        "failures_in_all": len(data.failures),
        "by_label": data.by_label,
        "facts": facts_of(data.by_label),
        "differences": [(FACTS[one.fact], one) for one in data.differences],
        "differing": {(one.dataset, one.fact) for one in data.differences},
        "faces": _sheet(data),
        "missed": data.missed,
        "lost": [(name, list(groups)) for name, groups in groupby(data.lost, lambda group: group.dataset)],
        "lost_files": sum(group.files for group in data.lost),
        "lost_shown": sum(len(group.shown) for group in data.lost),
        "json": _json(data),
    }


def _cards(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """(name, figure, its interval or another remark)"""
    macro, pooled = evaluation.model.row("macro"), evaluation.model.row("pooled")
    several = sum(row.auc is not None for row in evaluation.model.rows) - 1
    return [
        ("macro AUC", number(macro.auc), _remark(macro.auc_interval, f"mean of {several - 1} datasets")),
        ("pooled AUC", number(pooled.auc), _remark(pooled.auc_interval, "all items together")),
        (
            "balanced accuracy",
            number(pooled.balanced_accuracy),
            _remark(pooled.balanced_accuracy_interval, "all items"),
        ),
        (f"{evaluation.split} items", str(evaluation.scored), f"{pooled.n_real} real, {pooled.n_fake} fake"),
    ]


def _remark(span: tuple[float, float] | None, otherwise: str) -> str:
    return f"95 %: {span[0]:.3f} to {span[1]:.3f}" if span else otherwise


def _sheet(data: PageData) -> list[tuple[str, list[tuple[str, list[Face]]]]]:
    """(dataset, [("real", faces), ("fake", faces)]) of the datasets that have any."""
    names = [line.name for line in data.datasets]
    rows = [
        (name, [(word, data.faces.get((name, label), [])) for label, word in ((0, "real"), (1, "fake"))])
        for name in names
    ]
    return [(name, cells) for name, cells in rows if any(faces for _, faces in cells)]


def _json(data: PageData) -> dict[str, Any]:
    return {
        "headline": dict(data.headline),
        "synthetic": data.synthetic,
        "evaluation": data.evaluation.as_json(),
        "datasets": [asdict(line) for line in data.datasets],
        "stages": [asdict(line) for line in data.stages],
        "by_label": [asdict(line) for line in data.by_label],
        "differences": [asdict(one) for one in data.differences],
        "failures": [asdict(line) for line in data.failures],
        "without_face": {f"{one.dataset}/{one.label}": list(one.items) for one in data.missed or ()},
        "training": list(data.training),
    }
