"""One linear layer on the mean token of each encoder.

B clips, E encoders, K features: their mean tokens side by side, and for each encoder whether the clip has any of it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import nn

from unmask.train.data.batch import Batch
from unmask.train.models.heads import Reading, normalize_features

LOGITS = 3
"""Fake, video fake, audio fake."""


class LinearModel(nn.Module):
    """Logistic regression, trained like every other model: what a fusion has to beat."""

    gives_logits = True
    reads_means = True

    def __init__(self, widths: Sequence[int], width: int, normalized: bool = False) -> None:
        """`widths` of the encoders' tokens, `width` W of the features that the discriminators see.

        `normalized`: the mean token of each encoder is brought to the same length.
        """
        super().__init__()
        self.width = width
        self.normalized = normalized
        self.columns = [count for D in widths for count in (D, 1)]
        self.out = nn.Linear(sum(widths) + len(widths), LOGITS)
        # The problem is convex: any small start will do.
        nn.init.normal_(self.out.weight, std=1e-3)
        nn.init.zeros_(self.out.bias)

    def forward(self, means_BK: torch.Tensor) -> Reading:
        logits_B3 = self.out(self._normalize(means_BK) if self.normalized else means_BK)
        fake_B, video_B, audio_B = logits_B3.unbind(dim=1)
        # There are no other features than the logits.
        features_BW = F.pad(logits_B3, (0, self.width - LOGITS))
        return Reading(features_BW, fake_B, video_B, audio_B)

    def _normalize(self, means_BK: torch.Tensor) -> torch.Tensor:
        parts = means_BK.split(self.columns, dim=1)
        means, flags = map(normalize_features, parts[::2]), parts[1::2]
        return torch.cat([part for pair in zip(means, flags, strict=True) for part in pair], dim=1)


def average_tokens(tokens: Mapping[str, torch.Tensor], batch: Batch) -> torch.Tensor:
    """(B, K) from the tokens (N, D) of each encoder; zeros for an encoder without a token of the clip."""
    parts = []
    for name, x_ND in tokens.items():
        if not len(x_ND):
            parts.append(torch.zeros(len(batch), x_ND.shape[1] + 1, device=x_ND.device))
            continue
        row_N = batch.streams[name].slots // batch.slots
        count_B1 = torch.zeros(len(batch), 1, device=x_ND.device).index_add(0, row_N, torch.ones_like(x_ND[:, :1]))
        sum_BD = torch.zeros(len(batch), x_ND.shape[1], device=x_ND.device).index_add(0, row_N, x_ND)
        parts += [sum_BD / count_B1.clamp(min=1), (count_B1 > 0).float()]
    return torch.cat(parts, dim=1)
