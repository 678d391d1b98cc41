"""Is the image fake, is the audio fake: cross-entropy over the clips that have the modality and a label for it.

Both are computed with a weight of 0 too: they are logged as measures. Then the loss of a part fusion's joint logit.
"""

from __future__ import annotations

import numpy as np
import torch

from unmask.train.config import TrainConfig
from unmask.train.data.batch import Batch
from unmask.train.data.device_transfer import to_device
from unmask.train.losses.classification import sum_cross_entropy
from unmask.train.losses.explained import find_unexplained
from unmask.train.losses.term import LossTerm
from unmask.train.models.detector import Detector, Outputs


def _video(outputs: Outputs, batch: Batch, model: Detector, config: TrainConfig) -> torch.Tensor:
    smooth, gamma = config.label_smoothing, config.focal_gamma
    return sum_cross_entropy(outputs.video, batch.video, batch.video_known, smooth, gamma)


def _audio(outputs: Outputs, batch: Batch, model: Detector, config: TrainConfig) -> torch.Tensor:
    smooth, gamma = config.label_smoothing, config.focal_gamma
    return sum_cross_entropy(outputs.audio, batch.audio, batch.audio_known, smooth, gamma)


VIDEO = LossTerm(
    name="video",
    weight="part_weight",
    count=lambda batch, model: batch.host.video_known.sum(),
    value=_video,
    active=lambda config: True,
)
AUDIO = LossTerm(
    name="audio",
    weight="part_weight",
    count=lambda batch, model: batch.host.audio_known.sum(),
    value=_audio,
    active=lambda config: True,
)


def _joint(outputs: Outputs, batch: Batch, model: Detector, config: TrainConfig) -> torch.Tensor:
    if outputs.terms is None or "joint" not in model.terms:
        return torch.zeros((), device=batch.label.device)
    known_B = to_device(torch.from_numpy(find_unexplained(batch.host).astype(np.float32)), batch.label.device)
    logit_B = outputs.terms[:, -1].nan_to_num()
    return sum_cross_entropy(logit_B, batch.label, known_B, config.label_smoothing, config.focal_gamma)


JOINT = LossTerm(
    name="joint",
    weight="joint_weight",
    count=lambda batch, model: find_unexplained(batch.host).sum() if "joint" in model.terms else 0.0,
    value=_joint,
)
