"""Real or fake: binary cross-entropy over all clips.

B clips
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from unmask.train.config import TrainConfig
from unmask.train.data.batch import Batch
from unmask.train.losses.term import LossTerm
from unmask.train.models.detector import Detector, Outputs


def sum_cross_entropy(
    logit_B: torch.Tensor, target_B: torch.Tensor, known_B: torch.Tensor, smooth: float = 0.0, gamma: float = 0.0
) -> torch.Tensor:
    """Sum of the cross-entropy over the clips with known_B = 1; targets are smooth / 2 and 1 - smooth / 2.

    gamma > 0: each clip is weighted by (1 - p)^gamma, p the probability of its class (Lin et al. 2017, focal loss).
    """
    softened_B = target_B * (1 - smooth) + smooth / 2
    loss_B = F.binary_cross_entropy_with_logits(logit_B, softened_B, reduction="none")
    if gamma > 0:
        wrong_B = torch.sigmoid(torch.where(target_B > 0.5, -logit_B, logit_B))
        # The derivative of x^gamma at 0 is infinite for gamma < 1.
        loss_B = loss_B * wrong_B.clamp(min=1e-6).pow(gamma)
    return (loss_B * known_B).sum()


def _fake(outputs: Outputs, batch: Batch, model: Detector, config: TrainConfig) -> torch.Tensor:
    everything = torch.ones_like(batch.label)
    return sum_cross_entropy(outputs.fake, batch.label, everything, config.label_smoothing, config.focal_gamma)


FAKE = LossTerm(name="fake", value=_fake, heading="loss")
