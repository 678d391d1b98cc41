"""What a loss term is. The terms themselves are listed in objective.LOSS_TERMS.

B clips
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from unmask.train.config import TrainConfig
from unmask.train.data.batch import Batch
from unmask.train.models.detector import Detector, Outputs

Count = Callable[[Batch, Detector], float]
Value = Callable[[Outputs, Batch, Detector, TrainConfig], torch.Tensor]


def count_clips(batch: Batch, model: Detector) -> float:
    """Every clip of the batch."""
    return len(batch)


@dataclass(frozen=True, slots=True, kw_only=True)
class LossTerm:
    """One term of the loss: weight * (sum of `value` over the batches of the step) / (sum of `count` over them)."""

    name: str
    """Key in the `train` column of metrics.jsonl and in TensorBoard, where the term is logged without its weight."""
    value: Value
    """(outputs, batch, model, config) -> scalar float32: the *sum* over the clips that `count` counts."""
    count: Count = count_clips
    """(batch, model) -> number of clips that the term concerns, from `batch.host`: asking the device would wait."""
    weight: str | float = 1.0
    """A number, or the setting of `train.` that holds it."""
    active: Callable[[TrainConfig], bool] | None = None
    """None: when its weight is above 0. An inactive term is not computed, and logged as 0."""
    heading: str | None = None
    """Of its column in the live table; None: it has none."""

    def weight_in(self, config: TrainConfig) -> float:
        return float(getattr(config, self.weight)) if isinstance(self.weight, str) else self.weight

    def is_active(self, config: TrainConfig) -> bool:
        return self.weight_in(config) > 0 if self.active is None else self.active(config)
