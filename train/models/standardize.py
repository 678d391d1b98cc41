"""Standardize tokens, and the adapters that bring them to the width of the model.

D width of one encoder's tokens, N tokens, W width of the model
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
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


class Adapter(nn.Sequential):
    """LayerNorm with scale and shift, then a linear map.

    Scale and shift are applied to the map instead of the tokens. So the backward pass has no need of the gradient by
    the scaled tokens, a third of an adapter's arithmetic: tokens are frozen.
    """

    def __init__(self, token_width: int, width: int) -> None:
        super().__init__(nn.LayerNorm(token_width), nn.Linear(token_width, width))

    def forward(self, tokens_ND: torch.Tensor) -> torch.Tensor:
        """(N, D) -> (N, W)."""
        norm, linear = self[0], self[1]
        assert isinstance(norm, nn.LayerNorm)
        assert isinstance(linear, nn.Linear)
        map_WD = linear.weight * norm.weight
        shift_W = F.linear(norm.bias, linear.weight, linear.bias)
        return F.linear(F.layer_norm(tokens_ND, norm.normalized_shape, eps=norm.eps), map_WD, shift_W)
