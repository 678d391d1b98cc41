"""ViT-B/16 (Dosovitskiy et al., ICLR 2021), or any other timm network that `weights` names."""

from __future__ import annotations

import torch

from unmask.cache.encoders.image_base import ImageEncoder, from_weights
from unmask.preprocess.profiles import EncoderChoice


def vit_b16(choice: EncoderChoice, device: torch.device) -> ImageEncoder:
    """768 wide, 224 px. Tokens are means over the patch tokens; the class token is left out."""
    return from_weights(choice, "vit_base_patch16_224", device)
