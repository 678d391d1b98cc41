"""Section of the report: AUC under corruptions, as curves with interval bands and as a table."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from unmask.core.html.svg_charts import Axis, Series, draw_line_chart, fit_axis
from unmask.evaluation.report.charts import Chart
from unmask.evaluation.report.page_data import PageData
from unmask.evaluation.results import MACRO, POOLED
from unmask.evaluation.robustness.corruptions import STRENGTHS
from unmask.evaluation.robustness.results import CellResult, Robustness, list_rows
from unmask.evaluation.robustness.table import is_lower, list_shown, name_cell

CURVES = ((POOLED, "model"), (MACRO, "c3"))
"""Scope and CSS class of the curves of a chart."""


def show_robustness(data: PageData) -> dict[str, Any]:
    found = data.robustness
    return {
        "robustness": found,
        "robustness_charts": _draw_charts(found) if found else [],
        "robustness_keys": [(style, scope) for scope, style in CURVES],
        "robustness_rows": [
            (name_cell(cell), cell, cell.find(POOLED), cell.find(MACRO), is_lower(cell))
            for cell in (list_shown(found) if found else ())
        ],
    }


def export_robustness(data: PageData) -> dict[str, Any]:
    return {"robustness": list_rows(data.robustness)} if data.robustness else {}


def _draw_charts(found: Robustness) -> list[Chart]:
    """One per corruption, all with the same axes."""
    low = [
        bound
        for cell in found.cells
        for scope, _ in CURVES
        if (figure := cell.find(scope)) and figure.auc is not None
        for bound in (figure.auc, *(figure.interval or ()))
    ]
    axis = fit_axis("AUC", [*low, 0.5, 1.0])
    y = Axis(axis.label, axis.low, 1.0, tuple(tick for tick in axis.ticks if tick <= 1.0))
    return [_draw_chart(list(cells), y) for _, cells in groupby(found.cells, key=lambda cell: cell.corruption)]


def _draw_chart(cells: list[CellResult], y: Axis) -> Chart:
    last = STRENGTHS[-1]
    x = Axis("strength", 0.0, float(last), tuple(float(number) for number in range(last + 1)))
    series = [_make_series(scope, style, cells) for scope, style in CURVES]
    drawn = draw_line_chart(f"AUC under {cells[0].title}", series, x, y, width=280, height=210)
    values = ", ".join(cell.value for cell in cells if cell.strength)
    return Chart(f"{cells[0].title} ({cells[0].stream}; {values}), {cells[0].items} items", drawn)


def _make_series(scope: str, style: str, cells: list[CellResult]) -> Series:
    known = [(cell.strength, one) for cell in cells if (one := cell.find(scope)) and one.auc is not None]
    values = [float(one.auc) for _, one in known if one.auc is not None]
    spans = [one.interval or (float("nan"), float("nan")) for _, one in known]
    return Series(
        scope,
        [float(strength) for strength, _ in known],
        values,
        style,
        marks=True,
        low=[low for low, _ in spans],
        high=[high for _, high in spans],
    )
