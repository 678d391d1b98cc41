"""The losses of a batch, as a training step computes them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from unmask.train.config import TrainConfig
from unmask.train.data.batch import Batch
from unmask.train.losses.objective import Losses, Objective
from unmask.train.models.detector import Detector, Outputs


def compute_losses(
    model: Detector, config: TrainConfig, batch: Batch, *, outputs: Outputs | None = None, step: Sequence[Batch] = ()
) -> Losses:
    """Of `batch`, alone in its step or one of the batches `step`; `outputs`: the model's, if they are there."""
    objective = Objective.of(config)
    counts_T = torch.from_numpy(objective.count(step or [batch], model))
    return objective.compute(model(batch) if outputs is None else outputs, batch, counts_T, model)
