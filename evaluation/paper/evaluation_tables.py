"""The tables of an evaluation as files: metrics per dataset, AUC beside the controls, differences to the controls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from unmask.core.atomic_files import write_text
from unmask.evaluation.results import SUMMARIES, Comparison, Evaluation, Interval, MetricRow, ScoreTable
from unmask.evaluation.tables.text_tables import TextTable, format_csv, format_latex, format_markdown, group_rows
from unmask.evaluation.terminal_table import NOTHING, number
from unmask.metrics import binary

INTERVALS = "95 % intervals from resampling whole groups of linked items; n/a: undefined, or fewer than three groups."


def write_tables(folder: Path, evaluation: Evaluation) -> list[Path]:
    """Write results, controls and comparisons, each as .tex, .md and .csv; the numbers in .csv are not rounded."""
    made = {
        "results": (make_results(evaluation), list_results(evaluation)),
        "controls": (make_controls(evaluation), list_controls(evaluation)),
        "comparisons": (make_comparisons(evaluation), list_comparisons(evaluation)),
    }
    written = []
    for name, (table, lines) in made.items():
        texts = {".tex": format_latex(table), ".md": format_markdown(table), ".csv": format_csv(lines)}
        for suffix, text in texts.items():
            written.append(folder / f"{name}{suffix}")
            write_text(written[-1], text)
    return written


def make_results(evaluation: Evaluation) -> TextTable:
    """One row per dataset, then the summaries; intervals beside the metrics that have them."""
    # The rest is in the .csv: more columns fit no page.
    shown = [one for one in binary.METRICS if one.terminal and (one.weighted or not one.needs_threshold)]
    headings = ["dataset", "real", "fake", *(metric.heading for metric in shown)]

    def list_cells(row: MetricRow) -> list[str]:
        cells = [format_spread(row[one.name], row.interval(one.name), has_interval=bool(one.weighted)) for one in shown]
        return [row.name, str(row.n_real), str(row.n_fake), *cells]

    notes = (f"{evaluation.run}, {evaluation.split} split, {evaluation.split_scheme}.", INTERVALS)
    return TextTable(headings=headings, groups=group_rows(*_cut_rows(evaluation.model, list_cells)), notes=notes)


def list_results(evaluation: Evaluation) -> list[Sequence[object]]:
    """Headings, then every metric of every row of the model and of the controls."""
    bounds = [metric.name for metric in binary.METRICS if metric.weighted]
    names = [metric.name for metric in binary.METRICS]
    ends = [f"{name}_{end}" for name in bounds for end in ("low", "high")]
    lines: list[Sequence[object]] = [["scorer", "dataset", "real", "fake", "groups", *names, *ends]]
    for table in (evaluation.model, *evaluation.controls):
        for row in table.rows:
            spans = [end for name in bounds for end in row.interval(name) or (None, None)]
            values = [row[name] for name in names]
            lines.append([table.name, row.name, row.n_real, row.n_fake, row.groups, *values, *spans])
    return lines


def make_controls(evaluation: Evaluation) -> TextTable:
    """AUC of the model and of each control."""
    tables = (evaluation.model, *evaluation.controls)

    def list_cells(row: MetricRow) -> list[str]:
        found = [table.find(row.name) for table in tables]
        return [row.name, *(number(one.auc if one else None) for one in found)]

    headings = ["dataset", *(table.name for table in tables)]
    blocks = _cut_rows(evaluation.model, list_cells)
    return TextTable(headings=headings, groups=group_rows(*blocks), notes=("AUC; 0.5 is chance.",))


def list_controls(evaluation: Evaluation) -> list[Sequence[object]]:
    """Headings, then one line per scorer and row: its AUC with the interval."""
    lines: list[Sequence[object]] = [["scorer", "reads_content", "dataset", "auc", "auc_low", "auc_high"]]
    for table in (evaluation.model, *evaluation.controls):
        reads = table.reads_content or table is evaluation.model
        for row in table.rows:
            lines.append([table.name, reads, row.name, row.auc, *(row.interval("auc") or (None, None))])
    return lines


def make_comparisons(evaluation: Evaluation) -> TextTable:
    """One row per control: the difference of the model's AUC to it, over the same items."""
    rows = [_describe_comparison(one) for one in evaluation.comparisons]
    headings = ["control", "datasets", "model", "control AUC", "difference", "95 % interval", "outcome"]
    notes = tuple(f"{one.control}: {one.meaning}" for one in evaluation.comparisons)
    return TextTable(headings=headings, groups=group_rows(rows), notes=notes)


def list_comparisons(evaluation: Evaluation) -> list[Sequence[object]]:
    """Headings, then one line per control over all its datasets, and one per dataset."""
    lines: list[Sequence[object]] = [
        ["control", "dataset", "model_auc", "control_auc", "difference", "low", "high", "outcome"]
    ]
    for one in evaluation.comparisons:
        aucs = [one.model_auc, one.control_auc, one.difference]
        lines.append([one.control, "mean", *aucs, *(one.interval or (None, None)), one.outcome])
        for part in one.by_dataset:
            figures = [part.model_auc, part.control_auc, part.difference]
            lines.append([one.control, part.dataset, *figures, *(part.interval or (None, None)), part.outcome])
    return lines


def format_spread(value: float | None, interval: Interval | None, *, has_interval: bool) -> str:
    """0.912 [0.871, 0.950]; the interval only of metrics that have one, n/a with too few groups."""
    span = f"[{interval[0]:.3f}, {interval[1]:.3f}]" if interval else f"[{NOTHING}]"
    return f"{value:.3f} {span}" if value is not None and has_interval else number(value)


def _describe_comparison(one: Comparison) -> list[str]:
    span = f"[{one.interval[0]:+.3f}, {one.interval[1]:+.3f}]" if one.interval else NOTHING
    difference = NOTHING if one.difference is None else f"{one.difference:+.3f}"
    aucs = [number(one.model_auc), number(one.control_auc)]
    return [one.control, str(len(one.datasets)), *aucs, difference, span, one.outcome or NOTHING]


def _cut_rows(table: ScoreTable, list_cells: Callable[[MetricRow], list[str]]) -> list[list[list[str]]]:
    """Datasets, then summaries."""
    summaries = [row for row in table.rows if row.name in SUMMARIES]
    return [[list_cells(row) for row in rows] for rows in (table.datasets, summaries)]
