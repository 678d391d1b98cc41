"""Is the image fake, is the audio fake: cross-entropy over the clips that have the modality and a label for it.

Both are computed with a weight of 0 too: they are logged as measures.
"""

from __future__ import annotations

import torch

from unmask.train.config import TrainConfig
from unmask.train.data.batch import Batch
from unmask.train.losses.classification import sum_cross_entropy
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
