"""An evaluation as a table for the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from unmask.core.terminal.shown_text import escape_hidden
from unmask.core.terminal.wide_table import Column, WideTable, format_plain
from unmask.evaluation.likelihood import table as likelihood_table
from unmask.evaluation.likelihood.results import Likelihood
from unmask.evaluation.results import MACRO, SUMMARIES, Evaluation, Interval, MetricRow
from unmask.evaluation.sentences import describe_seen, describe_shortcuts, list_flagged
from unmask.evaluation.slices.coverage import describe_coverage
from unmask.evaluation.slices.table import build_slices_table, describe_slices
from unmask.evaluation.swap_control.results import SwapFigure
from unmask.evaluation.swap_control.table import TITLE, list_rows
from unmask.evaluation.sync.table import HEADINGS, MEANING, format_row, name_row
from unmask.evaluation.sync.table import TITLE as SYNC_TITLE
from unmask.metrics import binary

NOTHING = "n/a"
TOO_FEW = "too few"
RED = "bold red"
CONTROLS = "AUC of the model, of controls that do not look for manipulations, and of a linear probe; !: shortcut"
RANDOM = "AUC of the model, of controls, of a linear probe, and of one on random encoders; !: shortcut"
PARTIAL = "* mean over the datasets that the control can score; the differences below are over these datasets only"


def render_evaluation(evaluation: Evaluation, *, slices: bool = False) -> RenderableType:
    """Metrics per dataset, macro and pooled; then the controls, one sentence per control, and items without a score.

    `slices`: also the table of the slices, of which there is one sentence otherwise.
    """
    parts: list[RenderableType] = [_build_metrics_table(evaluation), Text(), _build_controls_table(evaluation)]
    if any("*" in format_beside(evaluation.model.row(MACRO), control.row(MACRO)) for control in evaluation.controls):
        parts.append(Text(PARTIAL))
    parts += [Text(f"- {comparison.meaning}") for comparison in evaluation.comparisons]
    if evaluation.swaps:
        parts += [Text(), _build_swap_table(evaluation)]
        parts += [Text(f"- {swap.meaning}", style=RED if swap.loses else "") for swap in evaluation.swaps]
    if evaluation.sync:
        parts += [Text(), _build_sync_table(evaluation), Text(f"- {MEANING}")]
    if evaluation.likelihood:
        parts += [Text(), *_render_likelihood(evaluation.likelihood)]
    if slices and evaluation.slices:
        parts += [Text(), build_slices_table(evaluation.slices)]
    elif sliced := describe_slices(evaluation):
        parts.append(Text(f"- {sliced}"))
    said = [*describe_seen(evaluation), *describe_shortcuts(evaluation)]
    parts += [Text(f"- {text}", style=RED if bad else "") for text, bad in said]
    parts += [Text(f"- {note}", style=RED if "LEAKS" in note else "") for note in evaluation.notes]
    parts.append(Text(f"- {describe_coverage(evaluation)}"))
    scored, beyond, lost = evaluation.scored, evaluation.out_of_scope, len(evaluation.failures)
    parts.append(Text(f"{evaluation.given} items = {scored} scored + {beyond} out of scope + {lost} without a score"))
    parts += [Text(escape_hidden(f"  {path}: {reason}")) for path, reason in sorted(evaluation.failures.items())]
    return Group(*parts)


def format_evaluation(evaluation: Evaluation) -> str:
    """`render_evaluation` as plain text."""
    return format_plain(render_evaluation(evaluation))


def number(value: float | None, digits: int = 3) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"


def format_with_interval(value: float | None, interval: Interval | None) -> str:
    """0.912 [0.871, 0.950]; 0.912 [n/a] with too few groups for an interval."""
    if value is None:
        return NOTHING
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else f"{value:.3f} [{NOTHING}]"


def _build_metrics_table(evaluation: Evaluation) -> WideTable:
    """The interval of the first metric only; all intervals and metrics are in the report and in the JSON."""
    rows = evaluation.model.rows
    first, *others = (metric for metric in binary.METRICS if metric.terminal)
    compared = [format_with_interval(row[first.name], row.interval(first.name)) for row in rows]
    return WideTable(
        title=f"{evaluation.run}: {evaluation.split} split, {evaluation.split_scheme}, profile {evaluation.profile}",
        names=Column(heading="dataset", cells=mark_names(evaluation)),
        columns=[
            Column(heading="real", cells=[str(row.n_real) for row in rows]),
            Column(heading="fake", cells=[str(row.n_fake) for row in rows]),
            Column(heading=f"{first.heading} [95 %]", cells=compared),
            *(Column(heading=one.heading, cells=[number(row[one.name]) for row in rows]) for one in others),
        ],
        styles=_make_styles(evaluation),
    )


def _build_controls_table(evaluation: Evaluation) -> WideTable:
    rows = evaluation.model.rows
    return WideTable(
        title=RANDOM if any(one.is_random for one in evaluation.controls) else CONTROLS,
        names=Column(heading="", cells=mark_names(evaluation)),
        columns=[
            Column(heading=one.name, cells=[format_beside(row, one.row(row.name)) for row in rows])
            for one in (evaluation.model, *evaluation.controls)
        ],
        styles=_make_styles(evaluation),
    )


def _build_swap_table(evaluation: Evaluation) -> WideTable:
    rows = list_rows(evaluation.swaps)
    figures = [row.figure for row in rows]
    return WideTable(
        title=TITLE,
        names=Column(heading="", cells=[row.name for row in rows]),
        columns=[
            Column(heading="real", cells=[str(row.n_real) for row in rows]),
            Column(heading="fake", cells=[str(row.n_fake) for row in rows]),
            Column(heading="alone", cells=[number(one.alone) if one else TOO_FEW for one in figures]),
            Column(heading="beside genuine", cells=[number(one.swapped) if one else TOO_FEW for one in figures]),
            Column(heading="difference [95 %]", cells=[format_change(one) for one in figures]),
        ],
        styles=[RED if one and one.loses else "" for one in figures],
    )


def _build_sync_table(evaluation: Evaluation) -> WideTable:
    cells = list(zip(*map(format_row, evaluation.sync), strict=True))
    return WideTable(
        title=SYNC_TITLE,
        names=Column(heading="", cells=list(map(name_row, evaluation.sync))),
        columns=[Column(heading=heading, cells=list(column)) for heading, column in zip(HEADINGS, cells, strict=True)],
    )


def _render_likelihood(likelihood: Likelihood) -> list[RenderableType]:
    said = likelihood_table.describe_likelihood(likelihood)
    lines: list[RenderableType] = [Text(f"- {text}", style=RED if bad else "") for text, bad in said]
    if not likelihood.rows:
        return lines
    cells = list(zip(*map(likelihood_table.format_row, likelihood.rows), strict=True))
    table = WideTable(
        title=likelihood_table.TITLE,
        names=Column(heading="", cells=[row.method for row in likelihood.rows]),
        columns=[
            Column(heading=heading, cells=list(column))
            for heading, column in zip(likelihood_table.HEADINGS, cells, strict=True)
        ],
    )
    return [table, *lines]


def format_change(figure: SwapFigure | None) -> str:
    """-0.141 [-0.204, -0.078]"""
    if figure is None:
        return TOO_FEW
    # Adding 0 makes a negative zero positive.
    change, *ends = (f"{round(value, 3) + 0.0:+.3f}" for value in (figure.difference, *(figure.interval or ())))
    return f"{change} [{', '.join(ends) or NOTHING}]"


def _make_styles(evaluation: Evaluation) -> list[str]:
    """Totals bold, datasets with too few items grey."""
    return ["bold" if row.name in SUMMARIES else "dim" if row.is_small else "" for row in evaluation.model.rows]


def mark_names(evaluation: Evaluation) -> list[str]:
    """The rows' names, with "!" after a dataset with a flagged shortcut."""
    flagged = list_flagged(evaluation)
    return [f"{row.name}!" if row.name in flagged else row.name for row in evaluation.model.rows]


def format_beside(model: MetricRow, control: MetricRow | None) -> str:
    """AUC of the control, with a star if it covers fewer items than the model's: see PARTIAL."""
    if control is None:
        return NOTHING
    fewer = (control.n_real, control.n_fake) != (model.n_real, model.n_fake)
    return number(control.auc) + ("*" if fewer and control.auc is not None else "")
