"""The section on suites: heat maps and mean rows of other splits than the one that is reported."""

from __future__ import annotations

from typing import Any

from unmask.evaluation.report.page_data import PageData
from unmask.evaluation.suites.results import (
    SuiteResult,
    average_cells,
    describe_items,
    format_spread,
    list_figures,
    list_means,
)
from unmask.evaluation.suites.suite_files import draw_heat_maps


def show_suites(data: PageData) -> dict[str, Any]:
    return {"suites": [(result, list(draw_heat_maps(result)), *_list_means(result)) for result in data.suites]}


def export_suites(data: PageData) -> dict[str, Any]:
    return {"suites": [result.as_json() for result in data.suites]}


def _list_means(result: SuiteResult) -> tuple[list[str], list[list[str]]]:
    """Headings, and one row per preset and mean: how many of the splits have figures, then the figures."""
    figures = list_figures(result)
    rows = []
    for preset in result.presets:
        for name, splits in list_means(result, preset):
            counted = [one for one in splits if one.averaged]
            scored = sum(describe_items(result, preset, one.name) != "-" for one in counted)
            values = [format_spread(average_cells(result, preset, figure, splits)) for figure in figures]
            rows.append([f"{preset}, {name}", f"{scored} of {len(counted)}", *values])
    return ["preset", "splits", *(figure.heading for figure in figures)], rows
