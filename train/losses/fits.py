"""Do mouth and audio fit: cross-entropy of a head of its own over genuine clips, as they are and with wrong audio.

It does not make a clip fake: a clip with wrong audio is no training clip, and the head's logit is no term of the score.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from unmask.train.config import TrainConfig
from unmask.train.data.batch import Batch, Columns
from unmask.train.losses.term import LossTerm
from unmask.train.models.detector import Detector, Outputs


def find_genuine(host: Columns) -> NDArray[np.bool_]:
    """(B,) genuine clips whose image and audio are compared."""
    if host.in_sync is None:
        return np.zeros(len(host.clips), np.bool_)
    return host.exclude_swapped(host.in_sync & (host.label == 0))


def _value(outputs: Outputs, batch: Batch, model: Detector, config: TrainConfig) -> torch.Tensor:
    chosen = find_genuine(batch.host)
    if model.sync is None or batch.sync is None or not chosen.any():
        return torch.zeros((), device=batch.label.device)
    right_RP, wrong_RK = map(model.sync.judge, batch.sync.answer(np.flatnonzero(chosen)))
    right_R, wrong_R = F.softplus(-right_RP).mean(dim=1), F.softplus(wrong_RK).mean(dim=1)
    return 0.5 * (right_R + wrong_R).sum()


FITS = LossTerm(
    name="fits",
    weight="fits_weight",
    count=lambda batch, model: find_genuine(batch.host).sum() if model.sync is not None else 0.0,
    value=_value,
)
