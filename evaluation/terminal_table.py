"""An evaluation as a table for the terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from unmask.evaluation.results import MACRO, POOLED, Evaluation, Interval, MetricRow
from unmask.metrics import binary

NOTHING = "n/a"
WIDTH = 120
PARTIAL = "* mean over the datasets that the control can score; the differences below are over these datasets only"


def render_evaluation(evaluation: Evaluation) -> RenderableType:
    """Metrics per dataset, macro and pooled; then the controls, one sentence per control, and items without a score."""
    parts: list[RenderableType] = [_build_metrics_table(evaluation), _build_controls_table(evaluation)]
    if any("*" in format_beside(evaluation.model.row(MACRO), control.row(MACRO)) for control in evaluation.controls):
        parts.append(Text(PARTIAL))
    parts += [Text(f"- {comparison.meaning}") for comparison in evaluation.comparisons]
    parts += [Text(f"- {note}", style="bold red" if "LEAKS" in note else "") for note in evaluation.notes]
    scored, beyond, lost = evaluation.scored, evaluation.out_of_scope, len(evaluation.failures)
    parts.append(Text(f"{evaluation.given} items = {scored} scored + {beyond} out of scope + {lost} without a score"))
    parts += [Text(f"  {path}: {reason}") for path, reason in sorted(evaluation.failures.items())]
    return Group(*parts)


def format_evaluation(evaluation: Evaluation) -> str:
    """`evaluation_table` as plain text, for a pipe, a file or a narrow terminal."""
    return format_plain(render_evaluation(evaluation))


def format_plain(table: RenderableType, width: int = WIDTH) -> str:
    """`table` without colors, in lines of `width` characters."""
    console = Console(width=width, file=io.StringIO(), color_system=None)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def number(value: float | None, digits: int = 3) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"


def format_with_interval(value: float | None, interval: Interval | None) -> str:
    """0.912 [0.871, 0.950]; 0.912 [n/a] with too few groups for an interval."""
    if value is None:
        return NOTHING
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else f"{value:.3f} [{NOTHING}]"


def _build_metrics_table(evaluation: Evaluation) -> Table:
    title = f"{evaluation.run}: {evaluation.split} split, {evaluation.split_scheme}, profile {evaluation.profile}"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    table.add_column("dataset", no_wrap=True)
    first, *others = binary.METRICS
    for name in ("real", "fake", f"{first.heading} [95 %]", *(metric.heading for metric in others)):
        table.add_column(name, justify="right", no_wrap=True)
    for row in evaluation.model.rows:
        _add_row(table, row.name, _format_cells(row))
    return table


def _add_row(table: Table, name: str, cells: Sequence[str]) -> None:
    # Text, not str: rich reads "[n/a]" and a dataset named "[red]" in a str as markup.
    table.add_row(Text(name), *map(Text, cells), style="bold" if name in (MACRO, POOLED) else None)


def _format_cells(row: MetricRow) -> list[str]:
    """120 columns have room for one interval: that of the first metric."""
    first, *others = (metric.name for metric in binary.METRICS)
    compared = format_with_interval(row[first], row.interval(first))
    return [str(row.n_real), str(row.n_fake), compared, *(number(row[name]) for name in others)]


def _build_controls_table(evaluation: Evaluation) -> Table:
    scorers = (evaluation.model, *evaluation.controls)
    table = Table(title="AUC of the model and the controls, same items", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("", no_wrap=True)
    for scorer in scorers:
        table.add_column(scorer.name, justify="right")
    for row in evaluation.model.rows:
        _add_row(table, row.name, [format_beside(row, scorer.row(row.name)) for scorer in scorers])
    return table


def format_beside(model: MetricRow, control: MetricRow) -> str:
    """AUC of the control, with a star if it covers fewer items than the model's: see PARTIAL."""
    fewer = (control.n_real, control.n_fake) != (model.n_real, model.n_fake)
    return number(control.auc) + ("*" if fewer and control.auc is not None else "")
