"""Clips whose label one modality explains: in these the joint logit of a part fusion learns nothing.

B clips, T terms
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.train.data.batch import Batch, Columns, count_modalities
from unmask.train.data.device_transfer import to_device
from unmask.train.models.detector import Detector, Outputs
from unmask.train.models.part_fusion import combine_terms


def find_unexplained(host: Columns) -> NDArray[np.bool_]:
    """(B,) clips of several modalities of which none is known to be fake: where one is, the joint logit has no need to.

    Taught with the others too, it learns what the parts know, from whatever pairs of image and audio training has, and
    raises the score of genuine audio under an image it never met.
    """
    return np.asarray((count_modalities(host.pattern) > 1) & ~host.part_fake)


def combine_explained(outputs: Outputs, batch: Batch, model: Detector) -> torch.Tensor:
    """(B,) real/fake logit of training: without the joint logit where a modality is known to be fake.

    With it, a joint logit that knows the training clips by heart would leave nothing for that modality to learn.
    """
    explained_B = batch.host.part_fake & (count_modalities(batch.host.pattern) > 1)
    if outputs.terms is None or "joint" not in model.terms or not explained_B.any():
        return outputs.fake
    present_BT = ~outputs.terms.isnan()
    present_BT[:, -1] &= ~to_device(torch.from_numpy(explained_B), present_BT.device)
    return combine_terms(outputs.terms.nan_to_num(), present_BT)
