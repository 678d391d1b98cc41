"""Attentive fusion: early fusion in which each encoder's tokens are pooled by attention instead of averaged.

B clips, L slots (CLS first), E encoders of the model, H heads, V = W / H, W width
"""

from __future__ import annotations

import math

import torch
from torch import nn

from unmask.train.models.early_fusion import EarlyFusion


class AttentiveFusion(EarlyFusion):
    """One learned query per encoder and head over the tokens of that encoder, then the pooled vectors into an MLP.

    As in an attentive probe (Bardes et al. 2024), with one query per encoder; layers of one model that are kept apart
    are encoders. A query of zeros is the mean, which is where training begins.
    """

    reads_encoders = True

    def __init__(self, encoders: int, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__(range(encoders), width, hidden, dropout)
        # Without weights: a query holds those of a scale, and a shift is the same for all tokens.
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.query_EHV = nn.Parameter(torch.zeros(encoders, heads, width // heads))

    def pool(self, x_BLW: torch.Tensor, encoder_BL: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, E, W) float32 pooled tokens of each encoder, and (B, E) whether the clip has any: without, they are 0."""
        own_BEL = torch.stack([encoder_BL == encoder for encoder in self.groups], dim=1)
        heads, size = self.query_EHV.shape[1:]
        with torch.autocast(x_BLW.device.type, enabled=False):
            key_BLHV = self.norm(x_BLW.float()).unflatten(2, (heads, size))
            score_BEHL = torch.einsum("blhv,ehv->behl", key_BLHV, self.query_EHV) / math.sqrt(size)
            # The smallest float instead of -inf: a clip without a token of the encoder would get NaN.
            lowest = torch.finfo(torch.float32).min
            share_BEHL = score_BEHL.masked_fill(~own_BEL[:, :, None], lowest).softmax(dim=3) * own_BEL[:, :, None]
            pooled_BEHV = torch.einsum("behl,blhv->behv", share_BEHL, x_BLW.float().unflatten(2, (heads, size)))
        return pooled_BEHV.flatten(2), own_BEL.any(dim=2)
