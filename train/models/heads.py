"""Heads on the features: is anything fake, is the image, is the audio.

B clips, L slots, W width
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from unmask.cache.spec import Modality


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


def normalize_features(z_BW: torch.Tensor) -> torch.Tensor:
    """(B, W) float32 of length sqrt(W): a root mean square of 1, as after the LayerNorm that every fusion ends with.

    A learned length would be redundant, because the first layer of every head scales; one of 1 would leave the biases
    of that layer sixteen times as large as what it reads at a width of 256.
    """
    return F.normalize(z_BW.float(), dim=1) * math.sqrt(z_BW.shape[1])


class FusionWithHeads(nn.Module):
    """A fusion whose features all heads read."""

    def __init__(self, fusion: nn.Module, width: int, dropout: float, normalized: bool) -> None:
        super().__init__()
        self.fusion = fusion
        self.reads_encoders = getattr(fusion, "reads_encoders", False)
        self.normalized = normalized
        self.heads = Heads(width, dropout)

    def forward(self, x_BLW: torch.Tensor, group_BL: torch.Tensor, most: Mapping[Modality, int]) -> Reading:
        z_BW = self.fusion(x_BLW, group_BL)
        reading: Reading = self.heads(normalize_features(z_BW) if self.normalized else z_BW)
        return reading
