"""`ssl:<hub name or folder>`: self-supervised speech networks of transformers, up to the highest layer in use.

The families are in `families/table.py`: wav2vec 2.0 (XLS-R and MMS too), HuBERT, WavLM, data2vec and w2v-BERT 2.0.

B clips, A samples, F = about 49 frames per second, D numbers per frame
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from unmask.cache.encoders.audio_base import SAMPLE_RATE, AudioEncoder, LayeredFrames
from unmask.cache.encoders.encoder_options import check_layers, check_token_rate, only, simplify_layers
from unmask.cache.encoders.families.filter_bank import FilterBank
from unmask.cache.encoders.families.pretrained import load_exactly, read_config
from unmask.cache.encoders.families.table import SPEECH, list_families
from unmask.cache.spec import EncoderSpec
from unmask.cache.weights.checkpoint import Checkpoint
from unmask.cache.weights.folder_files import read_settings
from unmask.cache.weights.resolve import Weights, obtain_weights
from unmask.cache.weights.sources import RECIPE
from unmask.core.errors import MissingInput
from unmask.preprocess.profiles import EncoderChoice

# 1 filled the tensors that a checkpoint lacked with random numbers.
VERSION = 2
FILTER_BANK = "wav2vec2-bert"
"""model_type of the family that reads log-mel frames and no samples."""
NORMALIZED, AS_THEY_ARE = "zero mean, unit variance per clip", "none"


class NormalizedWave(nn.Module):
    """(B, A) -> (B, A): each clip with zero mean and unit variance."""

    def forward(self, wave_BA: torch.Tensor) -> torch.Tensor:
        spread_B1, mean_B1 = torch.var_mean(wave_BA, dim=1, keepdim=True, correction=0)
        return (wave_BA - mean_B1) / (spread_B1 + 1e-7).sqrt()


def make_input(normalisation: str) -> nn.Module:
    """The module that prepares (B, A) samples as `normalisation` of the spec says."""
    known = {NORMALIZED: NormalizedWave, AS_THEY_ARE: nn.Identity, FilterBank.words: FilterBank}
    return known[normalisation]()


class SpeechFrames(LayeredFrames):
    """(B, A) -> (B, F, D): layer 0 is the input of the first layer, k the output of layer k; the last one is normed.

    Equal to transformers' hidden_states[layer] below the last layer, without computing the layers above.
    """

    def __init__(self, model: Any, layers: tuple[int, ...], prepare: nn.Module) -> None:
        super().__init__()
        stable = getattr(model.config, "do_stable_layer_norm", False)
        if stable and layers[-1] < len(model.encoder.layers):
            # In this variant the norm follows the last layer; it is not applied to a middle layer.
            model.encoder.layer_norm = nn.Identity()
        model.encoder.layers = model.encoder.layers[: layers[-1]]
        self.model, self.layers, self.prepare = model, layers, prepare

    def compute_layers(self, wave_BA: torch.Tensor, layers: Sequence[int]) -> list[torch.Tensor]:
        highest = self.layers[-1]
        found = self.model(self.prepare(wave_BA), output_hidden_states=tuple(layers) != (highest,))
        # The last of transformers' hidden states may be without the norm that follows the last layer.
        return [
            torch.as_tensor(found.last_hidden_state if layer == highest else found.hidden_states[layer])
            for layer in layers
        ]


def from_weights(choice: EncoderChoice, device: torch.device, *, types: tuple[str, ...] = ()) -> AudioEncoder:
    """Make the encoder of `choice`: `weights` is a hub name or local folder. Layer None: the middle one.

    `types`: the model types that it reads; () for all of speech. `MissingInput` for another family, and for other
    tensors than the configuration says.
    """
    only(choice, "weights", "layer", "tokens_per_second")
    weights = obtain_weights(choice.name, choice.weights)
    families = list_families(SPEECH, types)
    config = read_config(weights, families, "wav2vec 2.0" if types == ("wav2vec2",) else "speech networks")
    if any(getattr(config, name, False) for name in ("add_adapter", "use_intermediate_ffn_before_adapter")):
        problem = f"{weights.folder}: a model with an adapter, which shortens the output of every layer"
        raise MissingInput(problem, "set `weights` to the model without its adapter")
    family = families[config.model_type]
    spec = describe(choice, config, weights.origin, weights.hash, _read_normalisation(weights, config.model_type))

    def load_model() -> Any:
        return load_exactly(family.load_class(family.model), config, weights, anchor=family.anchor)

    def load() -> nn.Module:
        return SpeechFrames(load_model(), spec.layers, make_input(spec.normalisation))

    names = {"config.json", *RECIPE}
    checkpoint = Checkpoint(
        lambda: dict(load_model().state_dict()),
        {path.name: read_settings(path) for path in weights.others if path.name in names},
        prefix="model.",
    )
    return AudioEncoder(spec, load, device, checkpoint=checkpoint, layers=range(config.num_hidden_layers + 1))


def _read_normalisation(weights: Weights, model_type: str) -> str:
    """What the model was trained on: clips of unit variance, samples as they are, or log-mel frames.

    Read from the recipe beside its weights.
    """
    path = next(path for path in weights.others if path.name in RECIPE)
    recipe = read_settings(path)
    part = recipe.get("feature_extractor")  # a processor's file holds the recipes of all its parts
    recipe = part if isinstance(part, dict) else recipe
    if model_type == FILTER_BANK:
        FilterBank.check(recipe, path)
        return FilterBank.words
    rate, normalize = recipe.get("sampling_rate"), recipe.get("do_normalize")
    if rate not in (SAMPLE_RATE, None) or not isinstance(normalize, bool):
        problem = f"{path}: do_normalize {normalize!r} at sampling_rate {rate!r}"
        raise MissingInput(problem, f"this encoder reads models of {SAMPLE_RATE} Hz whose file has do_normalize")
    return NORMALIZED if normalize else AS_THEY_ARE


def describe(choice: EncoderChoice, config: Any, origin: str, weights_hash: str, normalisation: str) -> EncoderSpec:
    count = int(config.num_hidden_layers)
    return EncoderSpec(
        name=choice.name,
        modality="audio",
        weights=origin,
        weights_hash=weights_hash,
        native_dim=int(config.hidden_size),
        layer=simplify_layers(check_layers(choice, 0, count) or (count // 2,)),
        tokens_per_second=check_token_rate(choice),
        normalisation=normalisation,
        version=VERSION,
    )
