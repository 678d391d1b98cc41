"""Contrastive losses: InfoNCE of image and audio, and SupCon by class.

Both compare the clips of a batch with each other: unlike the other terms, several small batches differ from one large
one (each clip still counts once per step).

B clips, K width of the space in which clips are compared
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.train.config import TrainConfig
from unmask.train.data.batch import BOTH, Batch, Columns
from unmask.train.data.device_transfer import to_device
from unmask.train.losses.term import LossTerm
from unmask.train.models.detector import Detector, Outputs


def find_real_pairs(host: Columns) -> NDArray[np.bool_]:
    """(B,) real clips with image and audio of one recording: in a fake clip the two need not belong together."""
    return host.exclude_swapped(np.asarray((host.label == 0) & (host.pattern & BOTH == BOTH)))


def find_same_clip(host: Columns) -> NDArray[np.bool_]:
    """(B, B) pairs of rows that show the same clip: a clip drawn twice is not a negative of itself."""
    return np.asarray(host.clips[:, None] == host.clips)


def has_positive(label_B: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(B,) clips with another clip of the same class in the batch."""
    return np.asarray((label_B[:, None] == label_B).sum(axis=1) > 1)


def sum_info_nce(
    image_BK: torch.Tensor, audio_BK: torch.Tensor, pair_B: torch.Tensor, same_BB: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Sum over the clips in pair_B of the mean cross-entropy of image -> audio and audio -> image retrieval.

    van den Oord et al. 2018 (InfoNCE), in both directions as in CLIP (Radford et al. 2021). Pairs in `same_BB` are
    not negatives.
    """
    own_BB = torch.eye(len(pair_B), dtype=torch.bool, device=pair_B.device)
    offered_BB = pair_B[:, None] & pair_B & ~same_BB | own_BB
    similar_BB = (image_BK @ audio_BK.T / temperature).masked_fill(~offered_BB, -torch.inf)
    # The diagonal is always kept, so no row is -inf throughout.
    lost_B = -(similar_BB.log_softmax(dim=1).diagonal() + similar_BB.log_softmax(dim=0).diagonal()) / 2
    return torch.where(pair_B, lost_B, 0.0).sum()


def sum_sup_con(z_BK: torch.Tensor, label_B: torch.Tensor, temperature: float) -> torch.Tensor:
    """Sum over clips that have positives of -mean over positives p of log softmax(z . z_p / temperature).

    Khosla et al. 2020 (SupCon), L_out; the softmax is over all other clips of the batch.
    """
    own_BB = torch.eye(len(label_B), dtype=torch.bool, device=label_B.device)
    positive_BB = (label_B[:, None] == label_B) & ~own_BB
    # The smallest float instead of -inf: a batch of one clip would have NaN in its gradient.
    similar_BB = (z_BK @ z_BK.T / temperature).masked_fill(own_BB, torch.finfo(torch.float32).min)
    chance_BB = similar_BB.log_softmax(dim=1)
    lost_B = -torch.where(positive_BB, chance_BB, 0.0).sum(dim=1) / positive_BB.sum(dim=1).clamp(min=1)
    return lost_B.sum()


def _infonce(outputs: Outputs, batch: Batch, model: Detector, config: TrainConfig) -> torch.Tensor:
    device, projections = batch.label.device, outputs.compared
    assert projections is not None, "the model has no projections"
    pairs_B = to_device(torch.from_numpy(find_real_pairs(batch.host)), device)
    same_BB = to_device(torch.from_numpy(find_same_clip(batch.host)), device)
    return sum_info_nce(projections.image, projections.audio, pairs_B, same_BB, config.temperature)


def _supcon(outputs: Outputs, batch: Batch, model: Detector, config: TrainConfig) -> torch.Tensor:
    assert outputs.compared is not None, "the model has no projections"
    return sum_sup_con(outputs.compared.features, batch.label, config.temperature)


def _is_contrastive(config: TrainConfig) -> bool:
    """One weight is enough for both: the projections of the other are logged, and decay, too."""
    return config.infonce_weight > 0 or config.supcon_weight > 0


INFONCE = LossTerm(
    name="infonce",
    weight="infonce_weight",
    count=lambda batch, model: find_real_pairs(batch.host).sum(),
    value=_infonce,
    active=_is_contrastive,
)
SUPCON = LossTerm(
    name="supcon",
    weight="supcon_weight",
    count=lambda batch, model: has_positive(batch.host.label).sum(),
    value=_supcon,
    active=_is_contrastive,
)
