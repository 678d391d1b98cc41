"""Which modality each slot of a padded batch belongs to, and what is made of one modality alone.

B clips, L slots (CLS first), S slots of one modality, M modalities of the model, W width
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

CLS = -1
PAD = -2
LAG = -3
"""In group_BL, beside the number of a modality (its place in batch.MODALITIES). LAG: lag.LagToken."""


def gather_tokens(x_BLW: torch.Tensor, group_BL: torch.Tensor, group: int, S: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The tokens of one modality, moved together: (B, S, W), and (B, S) which of these slots hold one.

    S: those of the clip that has most of them.
    """
    mine_BL = group_BL == group
    slot_BS = mine_BL.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :S]
    return x_BLW.gather(1, slot_BS[..., None].expand(-1, -1, x_BLW.shape[2])), mine_BL.gather(1, slot_BS)


def mean_pool(x_BLW: torch.Tensor, group_BL: torch.Tensor, groups: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, M, W) float32 mean token of each modality, and (B, M) whether the clip has any: without, the mean is void."""
    mine_BML = torch.stack([group_BL == group for group in groups], dim=1).float()
    count_BM = mine_BML.sum(dim=2)
    with torch.autocast(x_BLW.device.type, enabled=False):
        sum_BMW = mine_BML @ x_BLW.float()
    return sum_BMW / count_BM.clamp(min=1)[..., None], count_BM > 0


def find_modalities(encoder_BL: torch.Tensor, modalities: Sequence[int]) -> torch.Tensor:
    """(B, L) the modality of each slot, from its encoder and the modality of each encoder; CLS and PAD stay."""
    modality_E = torch.tensor(modalities, device=encoder_BL.device)
    return torch.where(encoder_BL >= 0, modality_E[encoder_BL.clamp(min=0)], encoder_BL)
