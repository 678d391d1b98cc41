"""The table of an ablation: one row per preset, means and standard deviations over seeds."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from unmask.core.terminal.wide_table import Column, WideTable
from unmask.evaluation.compare.results import LEVEL, MetricDifference
from unmask.evaluation.compare.sentences import decide_outcome, format_p
from unmask.evaluation.compare.table import format_change
from unmask.evaluation.results import MACRO, POOLED, ScoreTable
from unmask.evaluation.tables.spread import Spread
from unmask.evaluation.terminal_table import NOTHING, number
from unmask.evaluation.token_reuse import StoreUse, describe_token_reuse
from unmask.metrics import binary

VERSION = 5
COMPARED = {f"{row} AUC": row for row in (MACRO, POOLED)}
"""Title -> row of the evaluation in which each preset is compared with the base; the first one decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationRow:
    preset: str
    runs: tuple[str, ...]
    items: int
    same_items: str
    """Hash of the scored items: only rows with equal hashes may be compared."""
    figures: dict[str, Spread | None]
    """By the titles of `list_figures`; None if the metric is undefined."""
    datasets: dict[str, Spread | None]
    """Dataset -> AUC."""
    validation: Spread | None = None
    """Validation AUC, averaged over datasets, of the epoch that was kept: what a row may be chosen by."""
    train_seconds: float | None = None
    """Wall time of all epochs of one run, validation included; mean over the seeds."""
    problem: str | None = None
    """Why the preset could not be trained on this data."""
    differences: dict[str, MetricDifference] = field(default_factory=dict)
    """Title of COMPARED -> this row minus the base; empty for the base and for a row that scores other items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    name: str
    """Of its folder under <work>/ablations."""
    split: str
    split_hash: str
    profile: str
    seeds: tuple[int, ...]
    rows: tuple[AblationRow, ...]
    controls: tuple[ScoreTable, ...]
    """Controls of the first run of `controls_of`."""
    controls_of: str
    """The first preset other than `linear`."""
    stores: tuple[StoreUse, ...]
    stopped: bool
    """Stopped by the user; the same command continues."""
    shortcuts: tuple[str, ...] = ()
    """Sentences about shortcuts in the data of the first preset."""
    base: str = ""
    """The row that the others are compared with; "" for none."""

    def as_json(self) -> dict[str, Any]:
        controls = [control.as_json() for control in self.controls]
        return {"version": VERSION, **asdict(self), "controls": controls}


def list_figures() -> list[tuple[str, str, str]]:
    """(row of the evaluation, metric, title) of the table's columns; the title is the key in ablation.json."""
    return [(row, metric.name, f"{row} {metric.heading}") for metric in binary.METRICS for row in metric.ablation]


def list_cells(ablation: Ablation) -> tuple[list[str], list[list[str]]]:
    """Headings, and the cells of each row as text: one row per preset, then one per control, its name in brackets."""
    figures = list_figures()
    rows = []
    for row in ablation.rows:
        spreads = [row.figures.get(heading) for _, _, heading in figures]
        took = NOTHING if row.train_seconds is None else f"{row.train_seconds:,.1f} s"
        shown = [NOTHING if one is None else str(one) for one in (*spreads, row.validation)]
        rows.append([row.preset, str(row.items), *shown, took, *_list_differences(ablation, row)])
    for control in ablation.controls:
        values = [number(control.row(summary)[metric]) for summary, metric, _ in figures]
        rows.append([f"({control.name})", "", *values, "", "", *([""] * 2 * len(COMPARED) if ablation.base else [])])
    added = [f"{title} minus {ablation.base} [95 %]" for title in COMPARED] if ablation.base else []
    beside = [heading for one in added for heading in (one, "p")]
    return ["preset", "items", *(heading for _, _, heading in figures), "validation AUC", "training", *beside], rows


def _list_differences(ablation: Ablation, row: AblationRow) -> list[str]:
    """Two cells per entry of COMPARED; none without a base."""
    found = [row.differences.get(title) for title in COMPARED] if ablation.base else []
    if row.preset == ablation.base:
        return ["base", ""] * len(found)
    return [
        cell for one in found for cell in ((format_change(one), format_p(one.corrected)) if one else (NOTHING,) * 2)
    ]


def render_ablation(ablation: Ablation) -> RenderableType:
    """One row per preset, then the controls, then notes on which rows may be compared."""
    title = f"ablation: {ablation.split} split, profile {ablation.profile}, {len(ablation.seeds)} seed(s)"
    headings, rows = list_cells(ablation)
    names, *others = [Column(heading=heading, cells=[row[at] for row in rows]) for at, heading in enumerate(headings)]
    styles = [""] * len(ablation.rows) + ["dim"] * len(ablation.controls)
    table = WideTable(title=title, names=names, columns=others, styles=styles)
    return Group(table, *(Text(f"- {line}") for line in write_notes(ablation)))


def write_notes(ablation: Ablation) -> list[str]:
    """Which rows may be compared, and what was not trained; one sentence each."""
    lines = [f"{row.preset}: not trained: {row.problem}" for row in ablation.rows if row.problem]
    lines += _describe_choice(ablation)
    lines += describe_differences(ablation)
    lines += ablation.shortcuts
    kinds = {row.same_items for row in ablation.rows if row.runs}
    if len(kinds) > 1:
        lines.append("Rows with different items must not be compared: baselines score only their own media kinds.")
    if ablation.controls:
        lines.append(f"In brackets: controls, on the items of {ablation.controls_of}.")
    if ablation.stores:
        lines.append(describe_token_reuse(ablation.stores, sum(len(row.runs) for row in ablation.rows)))
    if ablation.stopped:
        lines.append("Stopped: run the same command again to continue.")
    return lines


def describe_differences(ablation: Ablation) -> list[str]:
    """Which rows are better and worse than the base, and how that was decided; nothing without a base."""
    title = next(iter(COMPARED))
    found = {row.preset: row.differences[title] for row in ablation.rows if title in row.differences}
    if not found:
        return []
    words = {
        "better": "better",
        "worse": "worse",
        "not shown": "not shown to differ",
        "not comparable": "not comparable",
    }
    named = {
        word: [name for name, one in found.items() if decide_outcome(one) == outcome] for outcome, word in words.items()
    }
    said = "; ".join(f"{word}: {', '.join(names)}" for word, names in named.items() if names)
    seeds = "" if len(ablation.seeds) == 1 else f", mean over {len(ablation.seeds)} seeds"
    correction = f", by Holm's correction for {len(found)} rows," if len(found) > 1 else ""
    return [
        f"Compared with {ablation.base} by {title} on the same items{seeds}: {said}.",
        f"*: the 95 % interval leaves out 0 and p{correction} is at most {LEVEL}. "
        "Both resample groups of test files; other seeds are the deviation beside them in the CSV.",
    ]


def number_differences(ablation: Ablation, row: AblationRow) -> dict[str, float | None]:
    """Title -> difference to the base and its corrected p; empty without a base."""
    numbers: dict[str, float | None] = {}
    for title in COMPARED if ablation.base else ():
        one = row.differences.get(title)
        numbers[f"{title} minus {ablation.base}"] = one.difference if one else None
        numbers[f"{title} p"] = one.corrected if one else None
    return numbers


def _describe_choice(ablation: Ablation) -> list[str]:
    """Which row validation prefers, of those that score the same items: the one to use."""
    same = next((row.same_items for row in ablation.rows if row.preset == ablation.controls_of), "")
    rows = [row for row in ablation.rows if row.same_items == same]
    judged = [(row.validation.mean, row.preset) for row in rows if row.validation is not None]
    if len(judged) < 2 or ablation.stopped:
        return []
    (best, name), (second, other) = sorted(judged, reverse=True)[:2]
    return [
        f"Best on validation: {name} ({best:.3f}), before {other} ({second:.3f}). Choose by validation, not by test: "
        "test figures by which a row was chosen are too high."
    ]
