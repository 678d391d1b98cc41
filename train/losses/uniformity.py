"""Uniformity and alignment of the features on the unit sphere (Wang and Isola 2020), alignment within a class.

Both compare the clips of a batch: each clip counts once per step, but is compared with no other batch's.

B clips, W width
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from unmask.train.config import TrainConfig
from unmask.train.data.batch import Batch
from unmask.train.data.device_transfer import to_device
from unmask.train.losses.contrastive import find_same_clip, has_positive
from unmask.train.losses.term import LossTerm
from unmask.train.models.detector import Detector, Outputs

# t of exp(-t d^2), as in the paper.
SHARPNESS = 2.0


def compute_uniformity(u_BW: torch.Tensor, compared_BB: torch.Tensor) -> torch.Tensor:
    """log of the mean of exp(-2 d^2) over the pairs in `compared_BB`, d the distance of the unit vectors `u_BW`.

    From -8 (opposite) to 0 (equal); 0 when there is no pair.
    """
    pairs = compared_BB.sum()
    closeness_BB = (-SHARPNESS * _square_distances(u_BW)).masked_fill(~compared_BB, torch.finfo(torch.float32).min)
    # Without a pair all entries are the smallest float, whose logsumexp has a gradient that must not be NaN.
    loss = closeness_BB.flatten().logsumexp(dim=0) - pairs.clamp(min=1).log()
    return torch.where(pairs > 0, loss, 0.0)


def sum_alignment(u_BW: torch.Tensor, label_B: torch.Tensor) -> torch.Tensor:
    """Sum over the clips of the mean squared distance to the others of their class; 0 for a clip without others."""
    own_BB = torch.eye(len(label_B), dtype=torch.bool, device=label_B.device)
    positive_BB = (label_B[:, None] == label_B) & ~own_BB
    distance_BB = torch.where(positive_BB, _square_distances(u_BW), 0.0)
    return (distance_BB.sum(dim=1) / positive_BB.sum(dim=1).clamp(min=1)).sum()


def _square_distances(u_BW: torch.Tensor) -> torch.Tensor:
    """(B, B) squared distances of unit vectors: 2 - 2 cos. Without the root, whose slope at 0 is infinite."""
    return 2 - 2 * (u_BW @ u_BW.T)


def _uniformity(outputs: Outputs, batch: Batch, model: Detector, config: TrainConfig) -> torch.Tensor:
    # A clip drawn twice is not to be pushed away from itself.
    other_BB = to_device(torch.from_numpy(~find_same_clip(batch.host)), batch.label.device)
    return compute_uniformity(F.normalize(outputs.features.float(), dim=1), other_BB) * len(batch)


def _alignment(outputs: Outputs, batch: Batch, model: Detector, config: TrainConfig) -> torch.Tensor:
    return sum_alignment(F.normalize(outputs.features.float(), dim=1), batch.label)


UNIFORMITY = LossTerm(name="uniformity", weight="uniformity_weight", value=_uniformity)
ALIGNMENT = LossTerm(
    name="alignment",
    weight="alignment_weight",
    count=lambda batch, model: has_positive(batch.host.label).sum(),
    value=_alignment,
)
