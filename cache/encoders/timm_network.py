"""Any network of timm by its own name: the encoder `timm:convnext_tiny.fb_in1k`."""

from __future__ import annotations

import torch

from unmask.cache.encoders.image_base import ImageEncoder, from_weights
from unmask.cache.weights.registry import TIMM
from unmask.preprocess.profiles import EncoderChoice


def timm_network(choice: EncoderChoice, device: torch.device) -> ImageEncoder:
    """As wide and with pictures as large as timm says. `layer` k is the k-th block of a plain vision transformer, the
    k-th stage of other networks.
    """
    return from_weights(choice, choice.name.removeprefix(TIMM), device)
