"""Real or fake: binary cross-entropy over all clips.

B clips
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from unmask.train.config import TrainConfig
from unmask.train.data.batch import Batch
from unmask.train.data.device_transfer import to_device
from unmask.train.losses.explained import combine_explained
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


def adjust_logit(logit_B: torch.Tensor, batch: Batch, class_odds: Sequence[float], tau: float) -> torch.Tensor:
    """(B,) logit plus tau times the log odds of fake in the clip's dataset (Menon et al. 2021, logit adjustment).

    Trained on this sum, the logit itself need not know how common fakes are in which dataset.
    """
    odds_B = np.array(class_odds, np.float32)[batch.host.domain]
    return logit_B + tau * to_device(torch.from_numpy(odds_B), logit_B.device)


def _fake(outputs: Outputs, batch: Batch, model: Detector, config: TrainConfig) -> torch.Tensor:
    logit_B = combine_explained(outputs, batch, model)
    if model.shape.class_odds:
        logit_B = adjust_logit(logit_B, batch, model.shape.class_odds, config.logit_adjustment)
    everything = torch.ones_like(batch.label)
    return sum_cross_entropy(logit_B, batch.label, everything, config.label_smoothing, config.focal_gamma)


FAKE = LossTerm(name="fake", value=_fake, heading="loss")
