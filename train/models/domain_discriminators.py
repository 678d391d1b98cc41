"""Discriminators that guess the dataset, one per modality pattern, and the reversal of their gradient.

Which modalities a clip has nearly gives its dataset away, and no feature can hide it. So each pattern has its own
discriminator, which only tells apart the datasets that share the pattern.

B clips, W width, I input width, K hidden width, P patterns, G datasets, M modalities
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

HIDDEN = 128


class Discriminators(nn.Module):
    row_of: torch.Tensor
    allowed_PG: torch.Tensor

    def __init__(self, width: int, datasets: int, modalities: int, shared: Sequence[tuple[int, Sequence[int]]]) -> None:
        """`shared`: per pattern (bits of modalities) the datasets whose training clips can show it."""
        super().__init__()
        count = len(shared)
        self.hidden_PIK = nn.Parameter(torch.empty(count, width, HIDDEN))
        self.hidden_bias_PK = nn.Parameter(torch.zeros(count, HIDDEN))
        self.out_PKG = nn.Parameter(torch.empty(count, HIDDEN, datasets))
        self.out_bias_PG = nn.Parameter(torch.zeros(count, datasets))
        for weight in (self.hidden_PIK, self.out_PKG):
            nn.init.uniform_(weight, -1 / math.sqrt(weight.shape[1]), 1 / math.sqrt(weight.shape[1]))
        row_of = torch.full((1 << modalities,), -1)
        allowed_PG = torch.zeros(count, datasets, dtype=torch.bool)
        for row, (pattern, members) in enumerate(shared):
            row_of[pattern] = row
            allowed_PG[row, list(members)] = True
        self.contested_patterns = np.zeros(1 << modalities, np.bool_)
        """(2 ** M,) `contested` for the host."""
        self.contested_patterns[[pattern for pattern, members in shared if len(members) > 1]] = True
        # Rebuilt from the shape of the model, so not part of its state.
        self.register_buffer("row_of", row_of, persistent=False)
        self.register_buffer("allowed_PG", allowed_PG, persistent=False)

    def forward(self, features_BI: torch.Tensor, pattern_B: torch.Tensor) -> torch.Tensor:
        """(B, I), (B,) -> (B, G) logits, -inf for datasets that cannot show the clip's pattern."""
        # Every discriminator sees every clip: they are tiny, and sorting clips by pattern would wait for the GPU.
        hidden_PBK = F.gelu(torch.matmul(features_BI, self.hidden_PIK) + self.hidden_bias_PK[:, None])
        logits_PBG = torch.matmul(hidden_PBK, self.out_PKG) + self.out_bias_PG[:, None]
        row_B = self.row_of[pattern_B].clamp(min=0)
        logits_BG = logits_PBG[row_B, torch.arange(len(row_B), device=row_B.device)].float()
        return logits_BG.masked_fill(~self.find_allowed(pattern_B), -torch.inf)

    def find_allowed(self, pattern_B: torch.Tensor) -> torch.Tensor:
        """(B, G) which datasets share the clip's pattern; none for a pattern never seen in training."""
        row_B = self.row_of[pattern_B]
        return self.allowed_PG[row_B.clamp(min=0)] & (row_B >= 0)[:, None]

    def find_contested(self, pattern_B: torch.Tensor) -> torch.Tensor:
        """(B,) is there anything to guess: two datasets or more share the pattern."""
        return self.find_allowed(pattern_B).sum(dim=1) > 1


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: torch.Tensor, strength: float) -> torch.Tensor:
        ctx.strength = strength
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -ctx.strength * gradient, None


def reverse_gradient(features: torch.Tensor, strength: float) -> torch.Tensor:
    """The identity forwards; backwards the gradient is multiplied by -`strength`. Strength 0 cuts it off.

    Ganin and Lempitsky 2015, Unsupervised Domain Adaptation by Backpropagation.
    """
    result: torch.Tensor = _Reversal.apply(features, strength)  # type: ignore[no-untyped-call]
    return result


def compute_ganin_strength(progress: float) -> float:
    """2 / (1 + exp(-10 p)) - 1: from 0 at the start of training (p = 0) to almost 1 at its end (p = 1)."""
    return 2.0 / (1.0 + math.exp(-10.0 * progress)) - 1.0
