"""The slices as a table for the terminal and the report."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.core.terminal.wide_table import Column, WideTable
from unmask.evaluation.results import Evaluation
from unmask.evaluation.slices.kinds import SLICE_KINDS
from unmask.evaluation.slices.results import SliceRow
from unmask.metrics import binary

NO_VALUE = "-"
TITLE = "Slices: a part of the fakes against real items of the same dataset"
SHOWN = ("eer", "balanced_accuracy", "recall")
"""Metrics beside the AUC; evaluation.json has all."""
HEADINGS = (
    "real",
    "fake",
    "AUC [95 %]",
    *(metric.heading for metric in binary.METRICS if metric.name in SHOWN),
    "image AUC",
    "audio AUC",
    "remark",
)


def name_slice(row: SliceRow) -> str:
    return f"{row.dataset}: {row.name}"


def format_slice(row: SliceRow) -> list[str]:
    """One cell per entry of HEADINGS."""
    metrics = [_number(row[metric.name]) for metric in binary.METRICS if metric.name in SHOWN]
    parts = [_number(row.image_auc), _number(row.audio_auc)]
    return [str(row.n_real), str(row.n_fake), _format_auc(row), *metrics, *parts, row.reason or ""]


def build_slices_table(rows: Sequence[SliceRow]) -> WideTable:
    """Columns that are empty in all rows are left out."""
    cells = [format_slice(row) for row in rows]
    columns = [
        Column(heading=heading, cells=[line[place] for line in cells])
        for place, heading in enumerate(HEADINGS)
        if any(line[place] not in ("", NO_VALUE) for line in cells)
    ]
    styles = ["dim" if min(row.n_real, row.n_fake) < binary.ENOUGH_ITEMS else "" for row in rows]
    names = Column(heading="dataset: part", cells=[name_slice(row) for row in rows])
    return WideTable(title=TITLE, names=names, columns=columns, styles=styles)


def list_slice_tables(rows: Sequence[SliceRow]) -> list[tuple[str, list[SliceRow]]]:
    """(title of the kind, its rows), in the order of SLICE_KINDS, without kinds that have none."""
    tables = [(kind.title, [row for row in rows if row.kind == kind.name]) for kind in SLICE_KINDS]
    return [(title, found) for title, found in tables if found]


def describe_slices(evaluation: Evaluation) -> str | None:
    """One sentence: how many rows there are and the lowest AUC among those with enough items; None without rows."""
    rows = evaluation.slices
    if not rows:
        return None
    large = [
        (row["auc"], row)
        for row in rows
        if row["auc"] is not None and min(row.n_real, row.n_fake) >= binary.ENOUGH_ITEMS
    ]
    text = f"{len(rows)} slices (per method, compression, category, media and person): `unmask evaluate --slices`"
    if not large:
        return text
    value, row = min(large, key=lambda one: one[0] or 0.0)
    return f"{text}; the lowest AUC is {value:.3f} ({name_slice(row)})"


def _format_auc(row: SliceRow) -> str:
    value = row["auc"]
    if value is None:
        return NO_VALUE
    span = f"{row.auc_interval[0]:.3f}, {row.auc_interval[1]:.3f}" if row.auc_interval else "n/a"
    return f"{value:.3f} [{span}]"


def _number(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:.3f}"
