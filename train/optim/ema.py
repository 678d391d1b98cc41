"""An average of the weights over the last steps: steadier than the weights of any one step.

Polyak and Juditsky 1992; with a decay per step as in Tarvainen and Valpola 2017 (mean teachers).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch


def compute_decay(decay: float, step: int) -> float:
    """Of step `step` (from 0). Less at first, or the average would long remember the random weights of the start."""
    return min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def update_average(average: Sequence[torch.Tensor], weights: Sequence[torch.Tensor], decay: float) -> None:
    """Move `average` towards `weights`, its tensors in the same order."""
    torch._foreach_lerp_(list(average), list(weights), 1 - decay)
