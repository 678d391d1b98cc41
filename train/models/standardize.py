"""Standardize tokens before the adapters.

D width of one encoder's tokens, N tokens
"""

from __future__ import annotations

import torch
from torch import nn

# A feature that hardly varies in training is not blown up: this share of the encoder's overall deviation is added.
FLOOR = 1e-3
# Standard deviations. float16 features of new media can be far outside what training has shown.
LIMIT = 20.0


class Standardize(nn.Module):
    """(x - mean) / deviation per feature, with the statistics of the training clips; they are part of the weights.

    Frozen tokens share a large mean, which LayerNorm over one token cannot remove: without this, most of what the
    adapters see is the same in every clip.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    def fit(self, mean_D: torch.Tensor, deviation_D: torch.Tensor) -> None:
        """Take over the mean and the standard deviation of each feature, (D,) each."""
        overall = deviation_D.square().mean().sqrt()
        self.mean.copy_(mean_D)
        # Constant tokens have no deviation at all: they become zeros.
        self.deviation.copy_((deviation_D + FLOOR * overall).clamp(min=torch.finfo(torch.float32).tiny))

    def forward(self, tokens_ND: torch.Tensor) -> torch.Tensor:
        """(N, D) float32 -> (N, D), within -LIMIT..LIMIT."""
        return ((tokens_ND - self.mean) / self.deviation).clamp(-LIMIT, LIMIT)
