"""The data of a report page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from unmask.evaluation.ablation.ablation_table import Ablation
from unmask.evaluation.report.class_differences import Difference, LabelLine
from unmask.evaluation.report.contact_sheet import Cell, Face
from unmask.evaluation.report.failed_files import LostGroup
from unmask.evaluation.report.missing_faces import Missed
from unmask.evaluation.report.section_data.model_inside import ModelInside
from unmask.evaluation.report.stage_counts import DatasetLine, FailureLine, StageLine
from unmask.evaluation.results import Evaluation
from unmask.evaluation.robustness.results import Robustness
from unmask.evaluation.suites.results import SuiteResult


@dataclass(frozen=True, kw_only=True)
class PageData:
    """Everything that the sections of the page show."""

    evaluation: Evaluation
    headline: Sequence[tuple[str, str]]
    dates: Sequence[tuple[str, str]] = ()
    """("trained", "2026-01-31 12:00 UTC"), ("evaluated", ...)"""
    commands: Sequence[str] = ()
    """That make the run and this page again."""
    settings: Sequence[tuple[str, str]] = ()
    """All settings of the training."""
    members: Sequence[str] = ()
    """Runs of an ensemble."""
    synthetic: bool
    datasets: Sequence[DatasetLine]
    stages: Sequence[StageLine]
    failures: Sequence[FailureLine]
    predictions: pa.Table
    """Of predictions.parquet: one row per scored item."""
    training: Sequence[dict[str, Any]]
    """Lines of metrics.jsonl."""
    by_label: Sequence[LabelLine]
    differences: Sequence[Difference]
    faces: dict[Cell, list[Face]]
    missed: Sequence[Missed] | None
    """None if no face detector was used."""
    lost: Sequence[LostGroup]
    robustness: Robustness | None = None
    """Of the evaluated weights and items; None if it was not measured."""
    preset: str = ""
    inside: ModelInside = field(default_factory=ModelInside)
    ablation: Ablation | None = None
    """The newest that has the run's preset."""
    suites: Sequence[SuiteResult] = ()
    """Of each suite the newest that has the run's preset."""
