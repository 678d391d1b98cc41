"""What the figures are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from unmask.evaluation.ablation.ablation_table import Ablation
from unmask.evaluation.results import Evaluation


@dataclass(frozen=True, kw_only=True)
class FigureData:
    evaluation: Evaluation
    predictions: pa.Table
    """Of predictions.parquet: one row per scored item."""
    training: Sequence[dict[str, Any]]
    """Lines of metrics.jsonl; empty for an ensemble."""
    preset: str = ""
    """Of the run: the bar of an ablation that stands out."""
    ablation: Ablation | None = None
    """The newest that has the run's preset."""
