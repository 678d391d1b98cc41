"""What an evaluation found: plain figures, written as `evaluation.json` and read by the tables and the report."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unmask.core.atomic_files import write_json
from unmask.core.errors import MissingInput

FILE = "evaluation.json"
VERSION = 1

POOLED = "pooled"
MACRO = "macro"

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """Figures of one dataset, of their mean ("macro") or of all items together ("pooled")."""

    name: str
    n_real: int
    n_fake: int
    groups: int
    """Leak-proof components among these items: what the intervals resample."""
    auc: float | None = None
    """None wherever a figure has no meaning, above all with items of one class only. Never a stand-in."""
    auc_interval: Interval | None = None
    """95 %; None with fewer than three groups of a class too."""
    eer: float | None = None
    ap: float | None = None
    accuracy: float | None = None
    balanced_accuracy: float | None = None
    balanced_accuracy_interval: Interval | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    ece: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTable:
    """One scorer (the model or a control) on every dataset, then macro, then pooled."""

    name: str
    about: str
    """What it looks at, in a few words."""
    threshold: float
    """Scores of at least this are called fake; chosen on validation."""
    rows: tuple[MetricRow, ...]

    def row(self, name: str) -> MetricRow:
        return next(row for row in self.rows if row.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The model's AUC less a control's, on the same items."""

    control: str
    datasets: tuple[str, ...]
    """Those that both can judge: the difference is the mean over these. Empty where no dataset has both classes."""
    difference: float | None
    interval: Interval | None
    beaten: bool
    """Is the whole interval above 0?"""
    meaning: str
    """A sentence for the reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    run: str
    key: str
    """Fingerprint of the run's settings and data."""
    best_epoch: int
    """Whose weights were judged: training may go on after an evaluation."""
    split: str
    split_scheme: str
    split_hash: str
    profile: str
    seed: int
    """Of the bootstrap and of the controls."""
    given: int
    """Items of the split; `scored` of them have a score, and `failures` say why the others have none."""
    scored: int
    out_of_scope: int
    """Of kinds of media that the run is not made for."""
    failures: dict[str, str]
    """"<dataset>/<path>" -> reason."""
    model: ScoreTable
    controls: tuple[ScoreTable, ...]
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]
    machine: dict[str, str]
    """What it was computed on: device, memory, versions."""

    def __post_init__(self) -> None:
        if self.given != self.scored + self.out_of_scope + len(self.failures):
            raise ValueError(
                f"{self.given} items given, {self.scored} scored, {self.out_of_scope} out of scope, "
                f"{len(self.failures)} failed: one is lost"
            )

    def as_json(self) -> dict[str, Any]:
        return {"version": VERSION, **asdict(self)}


def write_evaluation(run: Path, evaluation: Evaluation) -> None:
    write_json(run / FILE, evaluation.as_json())


def read_evaluation(run: Path) -> Evaluation:
    """`MissingInput` where the run has not been evaluated by this version."""
    path = run / FILE
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MissingInput(f"{path}: no evaluation of this run", "make evaluate") from error
    if value.pop("version", None) != VERSION:
        raise MissingInput(f"{path}: written by another version", "make evaluate")
    model, controls = _table(value.pop("model")), tuple(_table(table) for table in value.pop("controls"))
    comparisons = tuple(Comparison(**_tupled(one)) for one in value.pop("comparisons"))
    return Evaluation(model=model, controls=controls, comparisons=comparisons, **_tupled(value))


def _table(value: dict[str, Any]) -> ScoreTable:
    rows = tuple(MetricRow(**_tupled(row)) for row in value["rows"])
    return ScoreTable(**{**value, "rows": rows})


def _tupled(value: dict[str, Any]) -> dict[str, Any]:
    """JSON knows only lists; the fields are tuples."""
    return {name: tuple(entry) if isinstance(entry, list) else entry for name, entry in value.items()}
