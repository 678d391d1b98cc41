"""Tokens of several layers of one network, mixed by learned weights (as in SUPERB, Yang et al. 2021).

X tokens of all encoders of a batch, S slots, W width
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn


class LayerMixing(nn.Module):
    """A weight per layer: the softmax of one learned number each, equal at the start."""

    def __init__(self, mixtures: Sequence[Sequence[str]]) -> None:
        """`mixtures`: encoders that are layers of one network."""
        super().__init__()
        self.mixtures = tuple(map(tuple, mixtures))
        # Of another name than "bias" and one-dimensional: without weight decay.
        self.logits = nn.ParameterList([nn.Parameter(torch.zeros(len(names))) for names in self.mixtures])

    def compute_weights(self) -> dict[str, torch.Tensor]:
        """Weight of each layer, a scalar; encoders that are not mixed are left out."""
        softmax = [logits.softmax(dim=0).unbind() for logits in self.logits]
        return {
            name: weight
            for names, weights in zip(self.mixtures, softmax, strict=True)
            for name, weight in zip(names, weights, strict=True)
        }

    def describe(self) -> list[str]:
        """One line per network: its layers with their weights in percent."""
        weights = {name: weight.item() for name, weight in self.compute_weights().items()}
        return [", ".join(f"{name} {100 * weights[name]:.0f} %" for name in names) for names in self.mixtures]


def place_tokens(
    tokens: Mapping[str, torch.Tensor], slots: Mapping[str, torch.Tensor], weights: Mapping[str, torch.Tensor], S: int
) -> torch.Tensor:
    """(S, W) from the tokens (N, W) of each encoder and their slots (N,); zeros where there is none.

    A slot with tokens of several layers gets their mean by `weights`, over the layers that are there.
    """
    where_X = torch.cat([slots[name] for name in tokens])
    if not weights:
        x_XW = torch.cat(list(tokens.values()))
        return x_XW.new_zeros(S, x_XW.shape[1]).index_copy(0, where_X, x_XW)
    one = next(iter(weights.values())).new_ones(())
    shares = [weights.get(name, one).expand(len(x)) for name, x in tokens.items()]
    x_XW = torch.cat([x * share[:, None] for x, share in zip(tokens.values(), shares, strict=True)])
    share_S = x_XW.new_zeros(S).index_add(0, where_X, torch.cat(shares))
    x_SW = x_XW.new_zeros(S, x_XW.shape[1]).index_add(0, where_X, x_XW)
    return x_SW / torch.where(share_S > 0, share_S, 1.0)[:, None]
