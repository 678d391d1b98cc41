"""The robustness of a run as a table for the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from unmask.core.terminal.wide_table import Column, WideTable
from unmask.evaluation.results import MACRO, POOLED
from unmask.evaluation.robustness.results import CellResult, Figure, Robustness
from unmask.evaluation.terminal_table import NOTHING, format_with_interval, number
from unmask.metrics.bootstrap import Interval

RED = "bold red"


def render_robustness(found: Robustness) -> RenderableType:
    """One row per corruption and strength, with the AUC of the items that have the stream; then the notes."""
    cells = list_shown(found)
    pooled, macro = ([cell.find(scope) for cell in cells] for scope in (POOLED, MACRO))
    table = WideTable(
        title=f"{found.run}: AUC on the {found.split} split under corruptions of the image and of the audio",
        names=Column(heading="corruption", cells=[name_cell(cell) for cell in cells]),
        columns=[
            Column(heading="items", cells=[str(cell.items) for cell in cells]),
            Column(heading="pooled [95 %]", cells=[format_auc(one) for one in pooled]),
            Column(heading="change [95 %]", cells=[format_change(one) for one in pooled]),
            Column(heading="macro", cells=[number(one.auc if one else None) for one in macro]),
            Column(heading="change [95 %]", cells=[format_change(one) for one in macro]),
        ],
        styles=[RED if is_lower(cell) else "" for cell in cells],
    )
    lines = [Text(f"- {note}") for note in found.notes]
    return Group(table, Text("- Red: pooled AUC lower than of the clean files, beyond the 95 % interval."), *lines)


def list_shown(found: Robustness) -> list[CellResult]:
    """Without the clean cells that repeat: those of all corruptions of a stream are equal."""
    shown: list[CellResult] = []
    for cell in found.cells:
        if cell.strength or not any(one.stream == cell.stream and not one.strength for one in shown):
            shown.append(cell)
    return shown


def name_cell(cell: CellResult) -> str:
    return f"{cell.title}: {cell.value}" if cell.strength else f"clean, files with {cell.stream}"


def format_auc(figure: Figure | None) -> str:
    return NOTHING if figure is None else format_with_interval(figure.auc, figure.interval)


def format_change(figure: Figure | None) -> str:
    """-0.031 [-0.060, -0.004]"""
    if figure is None or figure.difference is None:
        return NOTHING
    span: Interval | None = figure.difference_interval
    return f"{figure.difference:+.3f} [{span[0]:+.3f}, {span[1]:+.3f}]" if span else f"{figure.difference:+.3f}"


def is_lower(cell: CellResult) -> bool:
    """Is the pooled AUC lower than the clean one, beyond the interval of their difference?"""
    figure = cell.find(POOLED)
    return bool(figure and figure.difference_interval and figure.difference_interval[1] < 0)
