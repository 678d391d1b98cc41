"""Late fusion: a transformer for each modality, their logits averaged with learned weights.

B clips, L slots (CLS first), S slots of one modality, M modalities of the model, W width
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from unmask.cache.spec import Modality
from unmask.train.data.batch import MODALITIES
from unmask.train.models.heads import Reading, build_head
from unmask.train.models.modality_slots import CLS, PAD, gather_tokens


class LateFusion(nn.Module):
    gives_logits = True

    def __init__(self, groups: Sequence[int], build: Callable[[], nn.Module], width: int, dropout: float) -> None:
        super().__init__()
        self.groups = tuple(groups)
        self.fusions = nn.ModuleList(build() for _ in self.groups)
        self.fake = nn.ModuleList(build_head(width, dropout) for _ in self.groups)
        self.video = build_head(width, dropout)
        self.audio = build_head(width, dropout)
        self.weight_M = nn.Parameter(torch.zeros(len(self.groups)))

    def forward(self, x_BLW: torch.Tensor, group_BL: torch.Tensor, most: Mapping[Modality, int]) -> Reading:
        """The image head reads only the image transformer, the audio head only the audio transformer."""
        slots = [max(1, most[MODALITIES[group]]) for group in self.groups]
        z_BMW = torch.stack([self._one(m, x_BLW, group_BL, S) for m, S in enumerate(slots)], dim=1)
        fake_BM = torch.cat([fake(z_BMW[:, m]) for m, fake in enumerate(self.fake)], dim=1)
        share_BM = self.share(group_BL)
        z_BW = (z_BMW * share_BM[..., None]).sum(dim=1)
        video = self.video(self._of("image", z_BMW, z_BW))[:, 0]
        audio = self.audio(self._of("audio", z_BMW, z_BW))[:, 0]
        return Reading(z_BW, (fake_BM * share_BM).sum(dim=1), video, audio)

    def share(self, group_BL: torch.Tensor) -> torch.Tensor:
        """(B, M) weights of the modalities a clip has, which sum to 1; 0 for those it has not."""
        present_BM = torch.stack([(group_BL == group).any(dim=1) for group in self.groups], dim=1)
        return self.weight_M.masked_fill(~present_BM, -torch.inf).softmax(dim=1)

    def _one(self, m: int, x_BLW: torch.Tensor, group_BL: torch.Tensor, S: int) -> torch.Tensor:
        x_BSW, used_BS = gather_tokens(x_BLW, group_BL, self.groups[m], S)
        group_BS = torch.where(used_BS, self.groups[m], PAD)
        cls_B1 = torch.full_like(group_BL[:, :1], CLS)
        z_BW: torch.Tensor = self.fusions[m](torch.cat([x_BLW[:, :1], x_BSW], 1), torch.cat([cls_B1, group_BS], 1))
        return z_BW

    def _of(self, modality: Modality, z_BMW: torch.Tensor, z_BW: torch.Tensor) -> torch.Tensor:
        number = MODALITIES.index(modality)
        return z_BMW[:, self.groups.index(number)] if number in self.groups else z_BW
