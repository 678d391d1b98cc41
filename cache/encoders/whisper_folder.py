"""The encoder of Whisper from a folder in transformers' format: config.json and safetensors."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

import torch

from unmask.cache.encoders.networks.whisper_encoder import WhisperEncoder, WhisperShape
from unmask.cache.weights.resolve import Weights
from unmask.cache.weights.tensor_files import Tensors, read_tensors
from unmask.core.errors import MissingInput

# A whole Whisper has a decoder too; its encoder's tensors begin with one of these.
ENCODER = re.compile(r"^(model\.)?encoder\.")
SIZES = tuple(field.name for field in fields(WhisperShape))
LAYER = re.compile(r"^layers\.(\d+)\.")


@dataclass(frozen=True)
class WhisperFolder:
    """Shape of the encoder, and its weights, which are read when they are needed."""

    weights: Weights
    shape: WhisperShape

    @classmethod
    def open(cls, weights: Weights) -> Self:
        """`MissingInput` for a folder of another family, and for a file outside its folder."""
        if not weights.others:
            raise MissingInput(
                f"{weights.tensors}: config.json beside it is read too", f"set `weights` to the folder {weights.folder}"
            )
        # Loads transformers, which takes longer than all else: the shipped weights are in another format.
        from transformers import WhisperConfig

        from unmask.cache.encoders.families.pretrained import read_config

        config = read_config(weights, {"whisper": WhisperConfig}, "Whisper")
        return cls(weights, WhisperShape(**{name: getattr(config, name) for name in SIZES}))

    def read_encoder(self, layers: int) -> WhisperEncoder:
        """Build the encoder up to layer `layers`. `MissingInput` for tensors of another shape."""
        from unmask.cache.encoders.families.pretrained import refuse_misfits

        with torch.device("meta"):  # all tensors are assigned below: no random weights
            encoder = WhisperEncoder(replace(self.shape, encoder_layers=layers))
        with refuse_misfits(self.weights.tensors, "not the weights of the Whisper that config.json describes"):
            encoder.load_state_dict(self._read_tensors(layers), strict=True, assign=True)
        return encoder

    def _read_tensors(self, layers: int) -> Tensors:
        tensors = read_tensors(self.weights.tensors)
        if named := {ENCODER.sub("", name): values for name, values in tensors.items() if ENCODER.match(name)}:
            tensors = named
        kept = {name: values for name, values in tensors.items() if _count_before(name) < layers}
        return {name: values.float() for name, values in kept.items()}


def describe_config(shape: WhisperShape) -> dict[str, Any]:
    """Content of config.json for the encoder alone."""
    return {"model_type": "whisper", **asdict(shape)}


def _count_before(name: str) -> int:
    """Number of the layer that the tensor `name` belongs to, from 0; -1 outside the layers."""
    found = LAYER.match(name)
    return int(found[1]) if found else -1
