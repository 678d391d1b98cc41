"""The encoder of Whisper from a folder in transformers' format: config.json and safetensors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self

import torch
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from unmask.cache.encoders.families.pretrained import read_config, refuse_misfits
from unmask.cache.weights.resolve import Weights
from unmask.cache.weights.tensor_files import Tensors, read_tensors
from unmask.core.errors import MissingInput

# A whole Whisper has a decoder too; its encoder's tensors begin with one of these.
ENCODER = re.compile(r"^(model\.)?encoder\.")
SHAPE = (
    *("d_model", "num_mel_bins", "encoder_layers", "encoder_attention_heads", "encoder_ffn_dim"),
    "max_source_positions",
)
LAYER = re.compile(r"^layers\.(\d+)\.")


@dataclass(frozen=True)
class WhisperFolder:
    """Shape of the encoder, and its weights, which are read when they are needed."""

    weights: Weights
    config: Any
    """WhisperConfig."""

    @classmethod
    def open(cls, weights: Weights) -> Self:
        """`MissingInput` for a folder of another family, and for a file outside its folder."""
        if not weights.others:
            raise MissingInput(
                f"{weights.tensors}: config.json beside it is read too", f"set `weights` to the folder {weights.folder}"
            )
        return cls(weights, read_config(weights, {"whisper": WhisperConfig}, "Whisper"))

    def read_encoder(self, layers: int) -> WhisperEncoder:
        """Build the encoder up to layer `layers`. `MissingInput` for tensors of another shape."""
        config = make_config(self.config, layers)
        with torch.device("meta"):  # all tensors are assigned below: no random weights
            encoder = WhisperEncoder(config)
        with refuse_misfits(self.weights.tensors, "not the weights of the Whisper that config.json describes"):
            encoder.load_state_dict(self._read_tensors(layers), strict=True, assign=True)
        return encoder

    def _read_tensors(self, layers: int) -> Tensors:
        tensors = read_tensors(self.weights.tensors)
        if named := {ENCODER.sub("", name): values for name, values in tensors.items() if ENCODER.match(name)}:
            tensors = named
        kept = {name: values for name, values in tensors.items() if _count_before(name) < layers}
        return {name: values.float() for name, values in kept.items()}


def make_config(config: Any, layers: int) -> WhisperConfig:
    """The settings of `config` that shape the encoder, with `layers` layers."""
    return WhisperConfig(**{name: getattr(config, name) for name in SHAPE} | {"encoder_layers": layers})


def describe_config(config: Any) -> dict[str, Any]:
    """Content of config.json for the encoder alone."""
    return {"model_type": "whisper", **{name: getattr(config, name) for name in SHAPE}}


def _count_before(name: str) -> int:
    """Number of the layer that the tensor `name` belongs to, from 0; -1 outside the layers."""
    found = LAYER.match(name)
    return int(found[1]) if found else -1
