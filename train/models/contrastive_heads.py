"""Projections of the contrastive losses: unit vectors of each modality before fusion, and of the fused features.

B clips, L slots, W width, K width of the space in which clips are compared
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from unmask.train.data.batch import MODALITIES
from unmask.train.models.modality_slots import mean_pool

PROJECTION_WIDTH = 128
IMAGE, AUDIO = MODALITIES.index("image"), MODALITIES.index("audio")


@dataclass(frozen=True, slots=True)
class Compared:
    """Projections of the clips of a batch, (B, K) float32 unit vectors each."""

    image: torch.Tensor
    audio: torch.Tensor
    """Undefined for clips without the modality; the losses leave these out."""
    features: torch.Tensor


class Projections(nn.Module):
    """Projection heads as in SimCLR: the features keep what the comparison discards."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.picture = _projection(width)
        self.sound = _projection(width)
        self.features = _projection(width)

    def forward(self, x_BLW: torch.Tensor, group_BL: torch.Tensor, z_BW: torch.Tensor) -> Compared:
        """`x_BLW` are the tokens *before* fusion: after it image and audio have exchanged information."""
        mean_BMW, _ = mean_pool(x_BLW, group_BL, (IMAGE, AUDIO))
        vectors = (self.picture(mean_BMW[:, 0]), self.sound(mean_BMW[:, 1]), self.features(z_BW))
        return Compared(*(F.normalize(vector_BK.float(), dim=1) for vector_BK in vectors))


def _projection(width: int) -> nn.Module:
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, PROJECTION_WIDTH))
