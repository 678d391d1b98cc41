"""A small vision transformer with seeded random weights: for tests, and to try the pipeline on a laptop."""

from __future__ import annotations

import torch
from torch import nn

from unmask.cache.encoders.encoder_options import only
from unmask.cache.encoders.frozen import seeded
from unmask.cache.encoders.image_base import ImageEncoder, describe
from unmask.cache.encoders.timm_weights import Architecture
from unmask.preprocess.profiles import EncoderChoice

ARCHITECTURE = Architecture(
    name="test_vit",
    classes=0,
    size=64,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    arguments={"img_size": 64, "depth": 2},
)


def tiny_image(choice: EncoderChoice, device: torch.device) -> ImageEncoder:
    """64 wide, 64 px, 4 x 4 patches."""
    only(choice, "layer", "grid")

    def load() -> nn.Module:
        return seeded(0, ARCHITECTURE.build)

    return ImageEncoder(describe(choice, ARCHITECTURE, "seed-0", "seed-0"), ARCHITECTURE, load, device)
