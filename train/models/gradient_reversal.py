"""Gradient reversal (Ganin and Lempitsky, 2015: Unsupervised Domain Adaptation by Backpropagation)."""

from __future__ import annotations

import math
from typing import Any

import torch


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: torch.Tensor, strength: float) -> torch.Tensor:
        ctx.strength = strength
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -ctx.strength * gradient, None


def reverse_gradient(features: torch.Tensor, strength: float) -> torch.Tensor:
    """The identity forwards; backwards the gradient is multiplied by -`strength`. Strength 0 cuts it off."""
    result: torch.Tensor = _Reversal.apply(features, strength)  # type: ignore[no-untyped-call]
    return result


def compute_ganin_strength(progress: float) -> float:
    """2 / (1 + exp(-10 p)) - 1: from 0 at the start of training (p = 0) to almost 1 at its end (p = 1)."""
    return 2.0 / (1.0 + math.exp(-10.0 * progress)) - 1.0
