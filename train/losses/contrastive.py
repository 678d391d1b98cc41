"""Contrastive losses: the sound that belongs to a picture, and clips of one class.

Both compare the clips of a batch with each other, so they depend on what is in a batch: of all losses, they alone are
not the same for several small batches as for one large one (each still counts every clip of the step once).

B clips, L slots, W width, K width of the space in which clips are compared
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from unmask.train.data.batch import MODALITIES, Columns, bit
from unmask.train.models.modality_slots import pooled

COMPARED_WIDTH = 128
PICTURE, SOUND = MODALITIES.index("image"), MODALITIES.index("audio")
BOTH = bit("image") | bit("audio")


@dataclass(frozen=True, slots=True)
class Compared:
    """Unit vectors, float32."""

    picture: torch.Tensor
    sound: torch.Tensor
    """(B, K) void where the clip has no such modality; the losses leave these out."""
    features: torch.Tensor
    """(B, K)"""


class Projections(nn.Module):  # type: ignore[misc]
    """Heads whose output is only compared, as in SimCLR: features need not give up what the comparison ignores."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.picture = _projection(width)
        self.sound = _projection(width)
        self.features = _projection(width)

    def forward(self, x_BLW: torch.Tensor, group_BL: torch.Tensor, z_BW: torch.Tensor) -> Compared:
        """From the tokens *before* fusion: behind it picture and sound have seen each other, and match by that."""
        mean_BMW, _ = pooled(x_BLW, group_BL, (PICTURE, SOUND))
        given = (self.picture(mean_BMW[:, 0]), self.sound(mean_BMW[:, 1]), self.features(z_BW))
        return Compared(*(F.normalize(vector_BK.float(), dim=1) for vector_BK in given))


def _projection(width: int) -> nn.Module:
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, COMPARED_WIDTH))


def real_pairs(host: Columns) -> NDArray[np.bool_]:
    """(B,) real clips with a picture and a sound: in a fake one the two need not belong together."""
    return np.asarray((host.label == 0) & (host.pattern & BOTH == BOTH))


def same_clip(host: Columns) -> NDArray[np.bool_]:
    """(B, B) a clip that was drawn twice is no wrong answer for itself."""
    return np.asarray(host.clips[:, None] == host.clips)


def with_company(label_B: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(B,) is another clip of the same class in the batch."""
    return np.asarray((label_B[:, None] == label_B).sum(axis=1) > 1)


def info_nce(
    picture_BK: torch.Tensor,
    sound_BK: torch.Tensor,
    pair_B: torch.Tensor,
    same_BB: torch.Tensor,
    temperature: float,
) -> torch.Tensor:
    """Sum over the clips in pair_B of the mean cross-entropy of finding its sound among all, and its picture among all.

    van den Oord et al. 2018 (InfoNCE), in both directions as in CLIP (Radford et al. 2021). `same_BB`: clips that are
    the same one, and so no wrong answer.
    """
    own_BB = torch.eye(len(pair_B), dtype=torch.bool, device=pair_B.device)
    offered_BB = pair_B[:, None] & pair_B & ~same_BB | own_BB
    similar_BB = (picture_BK @ sound_BK.T / temperature).masked_fill(~offered_BB, -torch.inf)
    # The own one is always offered, so no row is -inf alone.
    lost_B = -(similar_BB.log_softmax(dim=1).diagonal() + similar_BB.log_softmax(dim=0).diagonal()) / 2
    return torch.where(pair_B, lost_B, 0.0).sum()


def sup_con(z_BK: torch.Tensor, label_B: torch.Tensor, temperature: float) -> torch.Tensor:
    """Sum over clips with company of -mean over the others p of their class of log softmax(z . z_p / temperature).

    Khosla et al. 2020 (SupCon), L_out; the softmax is over all other clips of the batch.
    """
    own_BB = torch.eye(len(label_B), dtype=torch.bool, device=label_B.device)
    positive_BB = (label_B[:, None] == label_B) & ~own_BB
    # Not -inf for the clip itself: a batch of one clip would have nothing else, and NaN in its gradient.
    similar_BB = (z_BK @ z_BK.T / temperature).masked_fill(own_BB, torch.finfo(torch.float32).min)
    chance_BB = similar_BB.log_softmax(dim=1)
    lost_B = -torch.where(positive_BB, chance_BB, 0.0).sum(dim=1) / positive_BB.sum(dim=1).clamp(min=1)
    return lost_B.sum()
