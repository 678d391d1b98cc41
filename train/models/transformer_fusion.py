"""The fusion transformer: pre-norm blocks over the tokens of all modalities.

B clips, L slots, Q slots that ask (L, or 1 for CLS alone), W width, H heads, E = W / H
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from unmask.train.models.heads import normalize_features
from unmask.train.models.modality_slots import CLS, PAD

# Lip-sync is decided within tens of milliseconds, a clip lasts seconds: periods from 0.05 s to 200 s.
SHORTEST_S = 0.05
LONGEST_S = 200.0


def time_encoding(times_N: torch.Tensor, width: int) -> torch.Tensor:
    """(N,) seconds -> (N, width) sines and cosines of the time, their periods spread geometrically."""
    steps = torch.linspace(0, 1, width // 2, device=times_N.device)
    rates = 2 * math.pi / (SHORTEST_S * (LONGEST_S / SHORTEST_S) ** steps)
    angles = times_N[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x)) (Xiong et al. 2020: pre-norm trains without care)."""

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.norm_attention = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.norm_feedforward = nn.LayerNorm(width)
        self.expand = nn.Linear(width, feedforward)
        self.contract = nn.Linear(feedforward, width)

    def forward(self, x_BLW: torch.Tensor, seen_BQL: torch.Tensor, *, cls_only: bool = False) -> torch.Tensor:
        """(B, L, W) -> (B, Q, W): all slots, or CLS alone, attend to the slots marked in `seen_BQL`.

        A `seen` of (B, 1, L) holds for every slot that asks.
        """
        y_BLW = self.norm_attention(x_BLW)
        x_BQW = x_BLW[:, :1] if cls_only else x_BLW
        x_BQW = x_BQW + self._drop(
            self._attend_from_cls(y_BLW, seen_BQL) if cls_only else self._attend(y_BLW, seen_BQL)
        )
        return x_BQW + self._drop(self._feedforward(self.norm_feedforward(x_BQW)))

    def _attend(self, x_BLW: torch.Tensor, seen_BQL: torch.Tensor) -> torch.Tensor:
        q_BHLE = self._split(self.query(x_BLW))
        k_BHLE, v_BHLE = (self._split(part) for part in self.key_value(x_BLW).chunk(2, dim=-1))
        # No dropout on the attention itself: it would cost the fused kernel on every device.
        y_BHLE = F.scaled_dot_product_attention(q_BHLE, k_BHLE, v_BHLE, attn_mask=seen_BQL[:, None])
        y_BLW: torch.Tensor = self.out(y_BHLE.transpose(1, 2).flatten(2))
        return y_BLW

    def _attend_from_cls(self, x_BLW: torch.Tensor, seen_B1L: torch.Tensor) -> torch.Tensor:
        """(B, 1, W) what `_attend` gives for CLS, without the keys and values of all slots.

        q . (K x) = (K^T q) . x, and the mean of V x is V of the mean: two maps per clip instead of two per slot. The
        keys' bias shifts all scores of a query alike, so it has no effect on their softmax, here as there.
        """
        heads = (self.heads, -1)
        key_HEW, value_HEW = (part.unflatten(0, heads) for part in self.key_value.weight.chunk(2))
        q_HBE = self.query(x_BLW[:, 0]).unflatten(1, heads).transpose(0, 1)
        ask_B1HW = (q_HBE @ key_HEW).transpose(0, 1)[:, None]
        x_B1LW, size = x_BLW[:, None], key_HEW.shape[1]
        mean_B1HW = F.scaled_dot_product_attention(
            ask_B1HW, x_B1LW, x_B1LW, attn_mask=seen_B1L[:, None], scale=1 / math.sqrt(size)
        )
        y_HBE = mean_B1HW[:, 0].transpose(0, 1) @ value_HEW.transpose(1, 2)
        y_BW = y_HBE.transpose(0, 1).flatten(1) + self.key_value.bias.chunk(2)[1]
        y_B1W: torch.Tensor = self.out(y_BW)[:, None]
        return y_B1W

    def _split(self, x_BLW: torch.Tensor) -> torch.Tensor:
        x_BLHE: torch.Tensor = x_BLW.unflatten(2, (self.heads, -1))
        return x_BLHE.transpose(1, 2)

    def _feedforward(self, x_BQW: torch.Tensor) -> torch.Tensor:
        y_BQW: torch.Tensor = self.contract(self._drop(F.gelu(self.expand(x_BQW))))
        return y_BQW

    def _drop(self, x: torch.Tensor) -> torch.Tensor:
        return F.dropout(x, self.dropout, self.training)


Pattern = Literal["joint", "within", "cross"]
"""Who attends to whom: all to all; a token to its own modality; a token to the other modalities and back, in turns with
its own."""


class TransformerFusion(nn.Module):
    """Blocks and a last norm. Only CLS leaves, so in the last block only CLS asks."""

    def __init__(
        self,
        layers: int,
        width: int,
        heads: int,
        feedforward: int,
        dropout: float,
        pattern: Pattern = "joint",
        normalized: bool = False,
    ) -> None:
        super().__init__()
        self.pattern: Pattern = pattern
        self.normalized = normalized
        self.blocks = nn.ModuleList(Block(width, heads, feedforward, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, x_BLW: torch.Tensor, group_BL: torch.Tensor, *, begin: int = 0) -> torch.Tensor:
        """(B, L, W) tokens with CLS in slot 0, (B, L) their modalities, CLS or PAD -> (B, W).

        `begin`: blocks that the tokens have passed already (`run_blocks`).
        """
        x_BLW = self.run_blocks(x_BLW, group_BL, begin, len(self.blocks) - 1)
        used_B1L = (group_BL != PAD)[:, None]
        x_B1W = self.blocks[-1](x_BLW, used_B1L, cls_only=True)
        z_BW: torch.Tensor = self.norm(x_B1W[:, 0])
        return normalize_features(z_BW) if self.normalized else z_BW

    def run_blocks(self, x_BLW: torch.Tensor, group_BL: torch.Tensor, begin: int, end: int) -> torch.Tensor:
        """(B, L, W) tokens after the blocks from `begin` up to `end`, which is not the last."""
        used_B1L = (group_BL != PAD)[:, None]
        for number in range(begin, end):
            x_BLW = self.blocks[number](x_BLW, used_B1L if self.pattern == "joint" else self._seen(group_BL, number))
        return x_BLW

    def _seen(self, group_BL: torch.Tensor, block: int) -> torch.Tensor:
        """(B, L, L) which slots each may attend to. Across modalities first: the small model has one such block."""
        across = self.pattern == "cross" and block % 2 == 0
        return (across_modalities if across else within_modality)(group_BL)


def within_modality(group_BL: torch.Tensor) -> torch.Tensor:
    """(B, L, L) tokens of the own modality, and CLS."""
    token_B1L = (group_BL >= 0)[:, None]
    return (group_BL[:, :, None] == group_BL[:, None]) & token_B1L | _to_cls(group_BL)


def across_modalities(group_BL: torch.Tensor) -> torch.Tensor:
    """(B, L, L) tokens of the other modalities, and CLS: a clip of one modality has nothing else to ask."""
    asks_BL1, token_B1L = (group_BL >= 0)[:, :, None], (group_BL >= 0)[:, None]
    return (group_BL[:, :, None] != group_BL[:, None]) & asks_BL1 & token_B1L | _to_cls(group_BL)


def _to_cls(group_BL: torch.Tensor) -> torch.Tensor:
    """CLS itself attends to CLS alone, so it carries nothing from one modality to another; empty slots need one too."""
    return (group_BL == CLS)[:, None]
