"""wav2vec 2.0 (Baevski et al., NeurIPS 2020) of any size, truncated after the highest layer in use.

B clips, A samples, F = about 49 frames per second, D numbers per frame
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import Wav2Vec2Config, Wav2Vec2Model

from unmask.cache.encoders.audio_base import SAMPLE_RATE, AudioEncoder
from unmask.cache.encoders.encoder_options import check_layers, check_token_rate, only, simplify_layers
from unmask.cache.encoders.pretrained import load_exactly, read_config
from unmask.cache.spec import EncoderSpec
from unmask.cache.weights.checkpoint import Checkpoint
from unmask.cache.weights.folder_files import read_settings
from unmask.cache.weights.resolve import Weights, obtain_weights
from unmask.cache.weights.sources import RECIPE
from unmask.core.errors import MissingInput
from unmask.preprocess.profiles import EncoderChoice

# 1 filled the tensors that a checkpoint lacked with random numbers.
VERSION = 2


class Wav2Vec2Frames(nn.Module):
    """(B, A) -> (B, F, D): layer 0 is the input of the first layer, k the output of layer k; the last one is normed.

    Equal to transformers' hidden_states[layer] below the last layer, without computing the layers above. The mean over
    several layers.
    """

    def __init__(self, model: Any, layers: tuple[int, ...], *, normalize: bool) -> None:
        super().__init__()
        if model.config.do_stable_layer_norm and layers[-1] < len(model.encoder.layers):
            # In this variant the norm follows the last layer; it is not applied to a middle layer.
            model.encoder.layer_norm = nn.Identity()
        model.encoder.layers = model.encoder.layers[: layers[-1]]
        self.model, self.layers, self.normalize = model, layers, normalize

    def forward(self, wave_BA: torch.Tensor) -> torch.Tensor:
        if self.normalize:
            spread_B1, mean_B1 = torch.var_mean(wave_BA, dim=1, keepdim=True, correction=0)
            wave_BA = (wave_BA - mean_B1) / (spread_B1 + 1e-7).sqrt()
        found = self.model(wave_BA, output_hidden_states=len(self.layers) > 1)
        highest_BFD = torch.as_tensor(found.last_hidden_state)
        if len(self.layers) == 1:
            return highest_BFD
        lower = [found.hidden_states[layer] for layer in self.layers[:-1]]
        return torch.stack([*lower, highest_BFD]).float().mean(dim=0)


def from_weights(choice: EncoderChoice, device: torch.device) -> AudioEncoder:
    """Make the encoder of `choice`: `weights` is a hub name or local folder. Layer None: the middle one.

    `MissingInput` for a folder of another family (HuBERT, WavLM, data2vec, ...), or with other tensors than its
    configuration says.
    """
    only(choice, "weights", "layer", "tokens_per_second")
    weights = obtain_weights(choice.name, choice.weights)
    config = read_config(weights, {"wav2vec2": Wav2Vec2Config}, "wav2vec 2.0")
    if config.add_adapter:
        problem = f"{weights.folder}: a model with an adapter, which shortens the output of every layer"
        raise MissingInput(problem, "set `weights` to the model without its adapter")
    normalize = _read_normalize(weights)
    spec = describe(choice, config, weights.origin, weights.hash, normalize=normalize)

    def load() -> nn.Module:
        return Wav2Vec2Frames(load_exactly(Wav2Vec2Model, config, weights), spec.layers, normalize=normalize)

    names = {"config.json", *RECIPE}
    checkpoint = Checkpoint(
        lambda: dict(load_exactly(Wav2Vec2Model, config, weights).state_dict()),
        {path.name: read_settings(path) for path in weights.others if path.name in names},
        prefix="model.",
    )
    return AudioEncoder(spec, load, device, checkpoint=checkpoint)


def _read_normalize(weights: Weights) -> bool:
    """Was the model trained on clips of unit variance? Read from the recipe beside its weights."""
    path = next(path for path in weights.others if path.name in RECIPE)
    recipe = read_settings(path)
    part = recipe.get("feature_extractor")  # a processor's file holds the recipes of all its parts
    recipe = part if isinstance(part, dict) else recipe
    rate, normalize = recipe.get("sampling_rate"), recipe.get("do_normalize")
    if rate not in (SAMPLE_RATE, None) or not isinstance(normalize, bool):
        problem = f"{path}: do_normalize {normalize!r} at sampling_rate {rate!r}"
        raise MissingInput(problem, f"this encoder reads models of {SAMPLE_RATE} Hz whose file has do_normalize")
    return normalize


def describe(choice: EncoderChoice, config: Any, origin: str, weights_hash: str, *, normalize: bool) -> EncoderSpec:
    count = int(config.num_hidden_layers)
    return EncoderSpec(
        name=choice.name,
        modality="audio",
        weights=origin,
        weights_hash=weights_hash,
        native_dim=int(config.hidden_size),
        layer=simplify_layers(check_layers(choice, 0, count) or (count // 2,)),
        tokens_per_second=check_token_rate(choice),
        normalisation="zero mean, unit variance per clip" if normalize else "none",
        version=VERSION,
    )
