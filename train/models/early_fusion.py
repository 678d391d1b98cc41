"""Early fusion: the mean token of each modality, side by side, into an MLP. No attention anywhere.

B clips, L slots (CLS first), M modalities of the model, W width
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from unmask.train.models.modality_slots import mean_pool


class EarlyFusion(nn.Module):
    def __init__(self, groups: Sequence[int], width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.groups = tuple(groups)
        self.first = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in self.groups)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, width),
            nn.LayerNorm(width),
        )

    def forward(self, x_BLW: torch.Tensor, group_BL: torch.Tensor) -> torch.Tensor:
        """(B, L, W) tokens with CLS in slot 0, (B, L) their modalities -> (B, W)."""
        mean_BMW, present_BM = self.pool(x_BLW, group_BL)
        # A layer over the modalities side by side is a sum of one map a modality. A missing one has no term (a vector
        # of zeros would be a token like another), and the sum is taken over those there, so that it keeps its scale.
        term_BMW = torch.stack([first(mean_BMW[:, m]) for m, first in enumerate(self.first)], dim=1)
        share_BM = present_BM / present_BM.sum(dim=1, keepdim=True).clamp(min=1)
        # CLS, equal for all clips, is the layer's bias.
        z_BW: torch.Tensor = self.mlp(x_BLW[:, 0] + (term_BMW * share_BM[..., None]).sum(dim=1))
        return z_BW

    def pool(self, x_BLW: torch.Tensor, group_BL: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, M, W) one vector per modality, and (B, M) whether the clip has any token of it."""
        return mean_pool(x_BLW, group_BL, self.groups)
