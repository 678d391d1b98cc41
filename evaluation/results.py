"""Results of an evaluation: plain numbers, written as `evaluation.json` and read by the tables and the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from unmask.cache.weights.seen_datasets import SeenDataset
from unmask.core.errors import MissingInput
from unmask.core.files import sealed_files
from unmask.core.files.damage import as_missing_input
from unmask.evaluation.likelihood.results import Likelihood, read_likelihood
from unmask.evaluation.slices.results import SliceRow, read_slice
from unmask.evaluation.stored.one_evaluation import FILE as FILE
from unmask.evaluation.stored.one_evaluation import REMEDY, check_together
from unmask.evaluation.swap_control.results import SwapControl, read_swap
from unmask.evaluation.sync.results import SyncRow
from unmask.manifests.audit.results import Shortcut
from unmask.metrics import binary

VERSION = 1
UNREAD = "no tokens of an encoder that the run was trained on"
"""Reason of a whole file that has nothing of what the run reads."""

POOLED = "pooled"
MACRO = "macro"
MACRO_LARGE = "macro 5+"
"""The mean over the datasets with ENOUGH_ITEMS real and fake items."""
SUMMARIES = (MACRO, MACRO_LARGE, POOLED)

Interval = tuple[float, float]
Outcome = Literal["better", "worse", "not shown", "not comparable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """Metrics of one dataset, of their mean ("macro") or of all items together ("pooled")."""

    name: str
    n_real: int
    n_fake: int
    groups: int
    """Leak-proof components among these items: the units that the intervals resample."""
    values: Mapping[str, float | None] = field(default_factory=dict)
    """By the names of METRICS. None or absent if undefined, above all for items of one class; never a stand-in."""
    intervals: Mapping[str, Interval | None] = field(default_factory=dict)
    """95 %, of the metrics with a weighted form; None with fewer than three groups per class too."""

    def __getitem__(self, metric: str) -> float | None:
        return self.values.get(metric)

    def interval(self, metric: str) -> Interval | None:
        return self.intervals.get(metric)

    @property
    def is_small(self) -> bool:
        """Too few items of a class for a figure that is not mostly luck."""
        return min(self.n_real, self.n_fake) < binary.ENOUGH_ITEMS

    @property
    def auc(self) -> float | None:
        return self["auc"]

    def as_json(self) -> dict[str, Any]:
        """Flat, each metric beside its interval."""
        entry: dict[str, Any] = {"name": self.name, "n_real": self.n_real, "n_fake": self.n_fake, "groups": self.groups}
        for metric in binary.METRICS:
            entry[metric.name] = self[metric.name]
            if metric.weighted:
                entry[f"{metric.name}_interval"] = self.interval(metric.name)
        return entry


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTable:
    """One scorer (the model or a control) on every dataset, then SUMMARIES."""

    name: str
    about: str
    """The input of the scorer, in a few words."""
    threshold: float
    """Chosen on validation: items with at least this score are called fake."""
    rows: tuple[MetricRow, ...]
    reads_content: bool = False
    """False for controls that do not look for manipulations: headers, silence, which modalities exist."""
    is_random: bool = False
    """True for linear probes of random encoders: they read the content, with features that learned nothing."""

    @property
    def datasets(self) -> tuple[MetricRow, ...]:
        """The rows of single datasets."""
        return tuple(row for row in self.rows if row.name not in SUMMARIES)

    def row(self, name: str) -> MetricRow:
        return next(row for row in self.rows if row.name == name)

    def find(self, name: str) -> MetricRow | None:
        """None for a summary that an evaluation of an earlier version lacks."""
        return next((row for row in self.rows if row.name == name), None)

    def as_json(self) -> dict[str, Any]:
        about = {
            "name": self.name,
            "about": self.about,
            "threshold": self.threshold,
            "reads_content": self.reads_content,
            "is_random": self.is_random,
        }
        return {**about, "rows": [row.as_json() for row in self.rows]}


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetComparison:
    """`Comparison` on one dataset."""

    dataset: str
    difference: float
    interval: Interval | None
    outcome: Outcome
    model_auc: float
    control_auc: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """AUC of the model minus AUC of a control, on the same items; of 0.5 for a control below chance."""

    control: str
    datasets: tuple[str, ...]
    """Datasets with an AUC of both, over which the difference is the mean: those with ENOUGH_ITEMS of each class, or
    all where none has. Empty if no dataset has both classes."""
    difference: float | None
    interval: Interval | None
    beaten: bool
    """True if the whole interval is above 0."""
    meaning: str
    """The result as a sentence."""
    outcome: Outcome | None = None
    """better or worse: the whole interval is above or below 0. None in evaluations of earlier versions, as below."""
    model_auc: float | None = None
    control_auc: float | None = None
    """Means over `datasets`."""
    control_interval: Interval | None = None
    by_dataset: tuple[DatasetComparison, ...] = ()
    """One per entry of `datasets`; empty in evaluations of earlier versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    run: str
    key: str
    """Fingerprint of the run's settings and data."""
    best_epoch: int
    """Epoch of the evaluated weights: training may continue after an evaluation."""
    split: str
    split_scheme: str
    split_hash: str
    profile: str
    seed: int
    """Seed of the bootstrap and of the controls."""
    given: int
    """Items of the split = scored + out_of_scope + failures."""
    scored: int
    out_of_scope: int
    """Items of media kinds that the run does not score."""
    failures: dict[str, str]
    """"<dataset>/<path>" -> reason."""
    model: ScoreTable
    controls: tuple[ScoreTable, ...]
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]
    machine: dict[str, str]
    """Device, memory and versions that the results were computed with."""
    shortcuts: tuple[Shortcut, ...] = ()
    """Flagged and suspected in the evaluated datasets."""
    audit: Literal["audit", "headers", "none"] = "none"
    """Where they are from: `unmask audit`, or the headers of the evaluated items; none by earlier versions."""
    seen: tuple[SeenDataset, ...] = ()
    """Evaluated datasets that an encoder of the run was trained on; empty in evaluations of earlier versions."""
    random: str = ""
    """Networks of the random encoders beside the model, "own" or "tiny"; "" for none, as in earlier versions."""
    swaps: tuple[SwapControl, ...] = ()
    """Of audio and image; empty for a run that does not read both, and in evaluations of earlier versions."""
    sync: tuple[SyncRow, ...] = ()
    """How mouth and audio fit in time; empty without a sync encoder, and in evaluations of earlier versions."""
    likelihood: Likelihood | None = None
    """Log-likelihood ratios; None in evaluations of earlier versions."""
    slices: tuple[SliceRow, ...] = ()
    """The model per method, compression, category, ...; empty in evaluations of earlier versions."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Name -> checksum of the files that were written with it; empty in evaluations of earlier versions."""

    def __post_init__(self) -> None:
        if self.given != self.scored + self.out_of_scope + len(self.failures):
            raise ValueError(
                f"{self.given} items given, {self.scored} scored, {self.out_of_scope} out of scope, "
                f"{len(self.failures)} failed: an item is missing"
            )

    @property
    def expected(self) -> int:
        """Items that should have a score: those with one, and the failures except UNREAD (see slices/coverage.py)."""
        return self.scored + sum(reason != UNREAD for reason in self.failures.values())

    @property
    def coverage(self) -> float:
        """scored / expected"""
        return self.scored / self.expected if self.expected else 1.0

    def as_json(self) -> dict[str, Any]:
        counts = {"expected": self.expected, "coverage": self.coverage}
        tables = {"model": self.model.as_json(), "controls": [table.as_json() for table in self.controls]}
        return {"version": VERSION, **asdict(self), **counts, **tables}


class NotEvaluated(MissingInput):
    """There is no evaluation, or only one of another version."""


def write_evaluation(run: Path, evaluation: Evaluation) -> None:
    """The last file of an evaluation: it names the checksums of the others, `Evaluation.files`."""
    sealed_files.write_json(run / FILE, evaluation.as_json())


def read_evaluation(run: Path) -> Evaluation:
    """Raise `NotEvaluated` if the run has not been evaluated by this version.

    `MissingInput` if the file is damaged, or the predictions beside it are of another evaluation.
    """
    path = run / FILE
    try:
        value = sealed_files.read_json(path)
    except FileNotFoundError as error:
        raise NotEvaluated(f"{path}: no evaluation of this run", REMEDY) from error
    except (OSError, ValueError) as error:
        raise as_missing_input(error, f"{path}: not readable", REMEDY) from error
    if value.pop("version", None) != VERSION:
        raise NotEvaluated(f"{path}: written by another version", REMEDY)
    check_together(run, value.get("files", {}))
    try:
        return _parse(value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MissingInput(f"{path}: not an evaluation", REMEDY) from error


def _parse(value: dict[str, Any]) -> Evaluation:
    model, controls = _read_table(value.pop("model")), tuple(_read_table(table) for table in value.pop("controls"))
    comparisons = tuple(map(_read_comparison, value.pop("comparisons")))
    shortcuts = tuple(Shortcut(**one) for one in value.pop("shortcuts", ()))
    for derived in ("expected", "coverage"):
        value.pop(derived, None)
    swaps = tuple(read_swap(one) for one in value.pop("swaps", ()))
    sync = tuple(SyncRow(**one) for one in value.pop("sync", ()))
    likelihood = read_likelihood(value.pop("likelihood", None))
    seen = tuple(SeenDataset(**one) for one in value.pop("seen", ()))
    slices = tuple(read_slice(one) for one in value.pop("slices", ()))
    return Evaluation(
        model=model,
        controls=controls,
        comparisons=comparisons,
        shortcuts=shortcuts,
        swaps=swaps,
        sync=sync,
        likelihood=likelihood,
        seen=seen,
        slices=slices,
        **_with_tuples(value),
    )


def _read_comparison(value: dict[str, Any]) -> Comparison:
    by_dataset = tuple(DatasetComparison(**_with_tuples(one)) for one in value.pop("by_dataset", ()))
    return Comparison(**_with_tuples(value), by_dataset=by_dataset)


def _read_table(value: dict[str, Any]) -> ScoreTable:
    return ScoreTable(**{**value, "rows": tuple(map(_read_row, value["rows"]))})


def _read_row(value: dict[str, Any]) -> MetricRow:
    """A metric that was added after the file was written is None."""
    entry = _with_tuples(value)
    with_interval = [metric.name for metric in binary.METRICS if metric.weighted]
    return MetricRow(
        **{name: entry[name] for name in ("name", "n_real", "n_fake", "groups")},
        values={metric.name: entry.get(metric.name) for metric in binary.METRICS},
        intervals={name: entry.get(f"{name}_interval") for name in with_interval},
    )


def _with_tuples(value: dict[str, Any]) -> dict[str, Any]:
    """Lists as tuples: JSON has only lists."""
    return {name: tuple(entry) if isinstance(entry, list) else entry for name, entry in value.items()}
