"""The table of an ablation: one row per preset, means and standard deviations over seeds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from unmask.core.terminal.wide_table import Column, WideTable
from unmask.evaluation.results import ScoreTable
from unmask.evaluation.terminal_table import NOTHING, number
from unmask.evaluation.token_reuse import StoreUse, describe_token_reuse
from unmask.metrics import binary

FILE = "ablation.json"
VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    mean: float
    deviation: float | None
    """Sample standard deviation over the seeds; None for one seed."""
    seeds: int

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + ("" if self.deviation is None else f" ± {self.deviation:.3f}")


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
    train_seconds: float | None = None
    """Wall time of all epochs of one run, validation included; mean over the seeds."""
    problem: str | None = None
    """Why the preset could not be trained on this data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    split: str
    split_hash: str
    profile: str
    seeds: tuple[int, ...]
    rows: tuple[AblationRow, ...]
    controls: tuple[ScoreTable, ...]
    """Controls of the first preset's first run."""
    stores: tuple[StoreUse, ...]
    stopped: bool
    """Stopped by the user; the same command continues."""
    shortcuts: tuple[str, ...] = ()
    """Sentences about shortcuts in the data of the first preset."""

    def as_json(self) -> dict[str, Any]:
        controls = [control.as_json() for control in self.controls]
        return {"version": VERSION, **asdict(self), "controls": controls}


def list_figures() -> list[tuple[str, str, str]]:
    """(row of the evaluation, metric, title) of the table's columns; the title is the key in ablation.json."""
    return [(row, metric.name, f"{row} {metric.heading}") for metric in binary.METRICS for row in metric.ablation]


def render_ablation(ablation: Ablation) -> RenderableType:
    """One row per preset, then the controls, then notes on which rows may be compared."""
    title = f"ablation: {ablation.split} split, profile {ablation.profile}, {len(ablation.seeds)} seed(s)"
    rows, controls = ablation.rows, ablation.controls
    blank = [""] * len(controls)
    took = [NOTHING if row.train_seconds is None else f"{row.train_seconds:,.1f} s" for row in rows]
    figures = [
        Column(
            heading=heading,
            cells=[
                *(NOTHING if (spread := row.figures[heading]) is None else str(spread) for row in rows),
                *(number(control.row(summary)[metric]) for control in controls),
            ],
        )
        for summary, metric, heading in list_figures()
    ]
    table = WideTable(
        title=title,
        names=Column(heading="preset", cells=[row.preset for row in rows] + [f"({one.name})" for one in controls]),
        columns=[
            Column(heading="items", cells=[*(str(row.items) for row in rows), *blank]),
            *figures,
            Column(heading="training", cells=[*took, *blank]),
        ],
        styles=[""] * len(rows) + ["dim"] * len(controls),
    )
    return Group(table, *(Text(f"- {line}") for line in _write_notes(ablation)))


def _write_notes(ablation: Ablation) -> list[str]:
    lines = [f"{row.preset}: not trained: {row.problem}" for row in ablation.rows if row.problem]
    lines += ablation.shortcuts
    kinds = {row.same_items for row in ablation.rows if row.runs}
    if len(kinds) > 1:
        lines.append("Rows with different items must not be compared: baselines score only their own media kinds.")
    if ablation.controls:
        lines.append(f"In brackets: controls, on the items of {ablation.rows[0].preset}.")
    if ablation.stores:
        lines.append(describe_token_reuse(ablation.stores, sum(len(row.runs) for row in ablation.rows)))
    if ablation.stopped:
        lines.append("Stopped: run the same command again to continue.")
    return lines
