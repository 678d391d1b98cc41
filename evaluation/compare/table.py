"""A comparison of runs as a table: the AUC with its tests, then the differences in every other metric."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from unmask.core.terminal.wide_table import Column, WideTable
from unmask.evaluation.compare.results import ComparedRun, MetricDifference, RunComparison
from unmask.evaluation.compare.sentences import format_p
from unmask.evaluation.results import SUMMARIES, Interval
from unmask.evaluation.terminal_table import NOTHING, RED, number
from unmask.metrics import binary


def list_headings() -> list[str]:
    name = binary.METRICS[0].heading
    first = ["run", "dataset", "real", "fake", f"{name} of base", f"{name} of run", "difference [95 %]", "p"]
    return [*first, "DeLong [95 %]", "DeLong p"]


def list_cells(run: ComparedRun) -> list[list[str]]:
    """One line per row of the comparison, under `list_headings`."""
    lines = []
    for row in run.rows:
        found = row.get(binary.METRICS[0].name)
        test = row.delong
        lines.append(
            [
                *(run.name, row.name, str(row.n_real), str(row.n_fake), number(found.base), number(found.run)),
                format_change(found),
                format_p(found.corrected),
                _format_span(test.difference, test.interval) if test else NOTHING,
                format_p(row.delong_corrected),
            ]
        )
    return lines


def list_other_metrics(run: ComparedRun) -> tuple[list[str], list[list[str]]]:
    """Headings, and one line per row: differences in the metrics beside the first."""
    headings = ["run", "dataset", *(metric.heading for metric in binary.METRICS[1:])]
    lines = [
        [run.name, row.name, *(_format_short(row.get(metric.name)) for metric in binary.METRICS[1:])]
        for row in run.rows
    ]
    return headings, lines


def render_comparison(found: RunComparison) -> RenderableType:
    """Two tables per run, then one sentence per run, then the notes."""
    parts: list[RenderableType] = []
    for run in found.runs:
        title = f"{run.name} minus {found.base}: {found.split} split, {found.items} items, {found.groups} groups"
        parts += [_build(title, list_headings(), list_cells(run)), Text()]
        parts += [_build("differences in other metrics", *list_other_metrics(run)), Text()]
    parts += [Text(f"- {run.meaning}", style="bold") for run in found.runs]
    return Group(*parts, *(Text(f"- {note}", style=RED if "LEAKS" in note else "") for note in found.notes))


def _build(title: str, headings: list[str], lines: list[list[str]]) -> WideTable:
    """Without the column of the run, which the title names."""
    _, names, *others = [Column(heading=one, cells=[line[at] for line in lines]) for at, one in enumerate(headings)]
    styles = ["bold" if name in SUMMARIES else "" for name in map(str, names.cells)]
    return WideTable(title=title, names=names, columns=others, styles=styles)


def format_change(found: MetricDifference) -> str:
    """+0.042 [+0.010, +0.071]*"""
    if found.difference is None:
        return NOTHING
    return _format_span(found.difference, found.interval) + ("*" if found.is_shown else "")


def _format_short(found: MetricDifference) -> str:
    if found.difference is None:
        return NOTHING
    return _format_signed(found.difference) + ("*" if found.is_shown else "")


def _format_span(value: float, interval: Interval | None) -> str:
    ends = ", ".join(map(_format_signed, interval)) if interval else NOTHING
    return f"{_format_signed(value)} [{ends}]"


def _format_signed(value: float) -> str:
    # Adding 0 makes a negative zero positive.
    return f"{round(value, 3) + 0.0:+.3f}"
