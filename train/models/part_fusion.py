"""Part fusion: one transformer reads each modality of a clip alone and all of them together.

B clips, L slots (CLS first), R clips that have several modalities, S slots of one modality, M modalities of the model,
W width
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from unmask.cache.spec import Modality
from unmask.train.data.batch import MODALITIES
from unmask.train.data.device_transfer import to_device
from unmask.train.models.heads import Reading, build_head
from unmask.train.models.modality_slots import CLS, PAD, gather_tokens
from unmask.train.models.noisy_or import combine

# Before it has learned anything the joint term adds little suspicion to that of the parts.
JOINT_BIAS = -2.0


class PartFusion(nn.Module):
    """A logit for each modality from its own tokens, and one for what only all of them together show.

    The clip's logit is their noisy-or: no modality can excuse another. A clip of one modality has one term and costs
    one pass.
    """

    gives_logits = True
    reads_masks = True

    def __init__(self, groups: Sequence[int], transformer: nn.Module, width: int, dropout: float) -> None:
        """`groups`: the modalities of the model, as positions in MODALITIES."""
        super().__init__()
        self.groups = tuple(groups)
        self.transformer = transformer
        self.part_heads = nn.ModuleDict({MODALITIES[group]: build_head(width, dropout) for group in self.groups})
        self.joint_head = build_head(width, dropout) if len(self.groups) > 1 else None
        if self.joint_head is not None:
            last = self.joint_head[-1]
            assert isinstance(last, nn.Linear)
            nn.init.constant_(last.bias, JOINT_BIAS)

    def forward(
        self,
        x_BLW: torch.Tensor,
        group_BL: torch.Tensor,
        most: Mapping[Modality, int],
        pattern: NDArray[np.int64],
    ) -> Reading:
        """`most`: tokens of the clip that has most, per modality; `pattern` (B,) modality masks, on the host."""
        z_BW = self.transformer(x_BLW, group_BL)
        several = _count_bits(pattern) > 1
        terms = len(self.groups) + (self.joint_head is not None)
        terms_BT = z_BW.new_full((len(pattern), terms), torch.nan, dtype=torch.float32)
        for number, group in enumerate(self.groups):
            shown = pattern >> group & 1 == 1
            for chosen, alone in ((shown & ~several, True), (shown & several, False)):
                rows = np.flatnonzero(chosen)
                if len(rows):
                    rows_R = to_device(torch.from_numpy(rows), x_BLW.device)
                    slots = most[MODALITIES[group]]
                    z_RW = z_BW[rows_R] if alone else self._read_part(x_BLW[rows_R], group_BL[rows_R], group, slots)
                    logit_R = self.part_heads[MODALITIES[group]](z_RW)[:, 0].float()
                    terms_BT = terms_BT.index_put((rows_R, torch.full_like(rows_R, number)), logit_R)
        rows = np.flatnonzero(several)
        if self.joint_head is not None and len(rows):
            rows_R = to_device(torch.from_numpy(rows), x_BLW.device)
            logit_R = self.joint_head(z_BW[rows_R])[:, 0].float()
            terms_BT = terms_BT.index_put((rows_R, torch.full_like(rows_R, terms - 1)), logit_R)
        present_BT = ~terms_BT.isnan()
        fake_B = combine(terms_BT.nan_to_num(), present_BT)
        return Reading(z_BW, fake_B, self._get_part("image", terms_BT), self._get_part("audio", terms_BT), terms_BT)

    def _read_part(self, x_RLW: torch.Tensor, group_RL: torch.Tensor, group: int, slots: int) -> torch.Tensor:
        """(R, W) features of the tokens of one modality alone."""
        x_RSW, used_RS = gather_tokens(x_RLW, group_RL, group, slots)
        group_RS = torch.where(used_RS, group, PAD)
        cls_R1 = torch.full_like(group_RL[:, :1], CLS)
        z_RW: torch.Tensor = self.transformer(torch.cat([x_RLW[:, :1], x_RSW], 1), torch.cat([cls_R1, group_RS], 1))
        return z_RW

    def _get_part(self, modality: Modality, terms_BT: torch.Tensor) -> torch.Tensor:
        """(B,) logit of one modality, 0 for a clip without it: no loss and no score reads that."""
        number = MODALITIES.index(modality)
        if number not in self.groups:
            return torch.zeros_like(terms_BT[:, 0])
        return terms_BT[:, self.groups.index(number)].nan_to_num()


def _count_bits(pattern: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray((pattern[:, None] >> np.arange(len(MODALITIES)) & 1).sum(axis=1), np.int64)
