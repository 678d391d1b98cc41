"""The table of an ablation: presets against one another, means and deviations over seeds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from unmask.evaluation.results import MACRO, POOLED, ScoreTable
from unmask.evaluation.terminal_table import NOTHING, number
from unmask.evaluation.token_reuse import StoreUse, told

FILE = "ablation.json"
VERSION = 2

# (row of the evaluation, figure, title)
FIGURES = (
    (MACRO, "auc", "macro AUC"),
    (POOLED, "auc", "pooled AUC"),
    (MACRO, "eer", "macro EER"),
    (MACRO, "balanced_accuracy", "macro bal. acc"),
    (MACRO, "f1", "macro F1"),
    (POOLED, "ece", "pooled ECE"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    mean: float
    deviation: float | None
    """Sample standard deviation over the seeds; None for one seed, which says nothing about it."""
    seeds: int

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + ("" if self.deviation is None else f" ± {self.deviation:.3f}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationRow:
    preset: str
    runs: tuple[str, ...]
    items: int
    same_items: str
    """Fingerprint of the judged items: only rows in which it is equal may be compared."""
    figures: dict[str, Spread | None]
    """By the titles of FIGURES; None where a figure has no meaning."""
    datasets: dict[str, Spread | None]
    """Dataset -> AUC."""
    train_seconds: float | None = None
    """Wall time of one run's epochs, validation included; the mean over the seeds."""
    problem: str | None = None
    """Why it could not be trained here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    split: str
    split_hash: str
    profile: str
    seeds: tuple[int, ...]
    rows: tuple[AblationRow, ...]
    controls: tuple[ScoreTable, ...]
    """Of the first preset's first run."""
    stores: tuple[StoreUse, ...]
    stopped: bool
    """By the user; the same call goes on."""

    def as_json(self) -> dict[str, Any]:
        return {"version": VERSION, **asdict(self)}


def ablation_table(ablation: Ablation) -> RenderableType:
    """A row a preset, then the controls; sentences on what may be compared with what."""
    title = f"ablation: {ablation.split} split, profile {ablation.profile}, {len(ablation.seeds)} seed(s)"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("preset", no_wrap=True)
    for name in ("items", *(title for _, _, title in FIGURES), "training"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in ablation.rows:
        figures = [NOTHING if spread is None else str(spread) for spread in row.figures.values()]
        took = NOTHING if row.train_seconds is None else f"{row.train_seconds:,.1f} s"
        table.add_row(Text(row.preset), str(row.items), *figures, took)
    for control in ablation.controls:
        values = [getattr(control.row(where), figure) for where, figure, _ in FIGURES]
        table.add_row(Text(f"({control.name})"), "", *map(number, values), "", style="dim")
    return Group(table, *(Text(f"- {line}") for line in _sentences(ablation)))


def _sentences(ablation: Ablation) -> list[str]:
    lines = [f"{row.preset}: not trained: {row.problem}" for row in ablation.rows if row.problem]
    kinds = {row.same_items for row in ablation.rows if row.runs}
    if len(kinds) > 1:
        lines.append("Rows with other items (baselines judge only their own kinds of media) must not be compared.")
    if ablation.controls:
        lines.append(f"In brackets: controls, on the items of {ablation.rows[0].preset}.")
    if ablation.stores:
        lines.append(told(ablation.stores, sum(len(row.runs) for row in ablation.rows)))
    if ablation.stopped:
        lines.append("Stopped: the same command goes on.")
    return lines
