"""Heads on the features: is anything fake, is the image, is the audio.

B clips, W width
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True, slots=True)
class Reading:
    """Features, and the logits of the heads."""

    features: torch.Tensor
    """(B, W) what the discriminators and the contrastive losses see."""
    fake: torch.Tensor
    video: torch.Tensor
    audio: torch.Tensor
    """(B,) each."""
    terms: torch.Tensor | None = None
    """(B, T) float32, of a part fusion: the logit of each modality, then, in a model of several, that of all together.
    `fake` is their noisy-or. NaN for a term that the clip does not have."""


class Heads(nn.Module):
    """Three small heads on the same features."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.fake = build_head(width, dropout)
        self.video = build_head(width, dropout)
        self.audio = build_head(width, dropout)

    def forward(self, z_BW: torch.Tensor) -> Reading:
        return Reading(z_BW, self.fake(z_BW)[:, 0], self.video(z_BW)[:, 0], self.audio(z_BW)[:, 0])


def build_head(width: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width // 2), nn.GELU(), nn.Dropout(dropout), nn.Linear(width // 2, 1))
