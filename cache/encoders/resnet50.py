"""ResNet-50 (He et al., CVPR 2016), or any other timm network that `weights` names."""

from __future__ import annotations

import torch

from unmask.cache.encoders.image_base import ImageEncoder, from_weights
from unmask.preprocess.profiles import EncoderChoice


def resnet50(choice: EncoderChoice, device: torch.device) -> ImageEncoder:
    """2048 wide, 224 px. `layer` k is the k-th of timm's five feature maps (1: the stem)."""
    return from_weights(choice, "resnet50", device)
