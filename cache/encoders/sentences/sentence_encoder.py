"""Sentence encoders: a transformer, pooling over its word pieces, and what follows; one vector per text.

Texts of a batch are padded and masked: padding has no weight in attention or in the pooling, so a text's vector does
not depend on the rest of the batch.

B texts, N word pieces, D numbers
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import nn
from transformers import CONFIG_MAPPING, MODEL_MAPPING

from unmask.cache.encoders.encoder_options import only
from unmask.cache.encoders.families.pretrained import load_exactly, read_config
from unmask.cache.encoders.frozen import freeze
from unmask.cache.encoders.sentences.text_settings import read_text_settings
from unmask.cache.encoders.sentences.tokenizer import Tokenizer, load_tokenizer
from unmask.cache.encoders.sentences.vector_modules import read_vector_recipe
from unmask.cache.spec import EncoderSpec
from unmask.cache.weights.resolve import obtain_weights
from unmask.preprocess.profiles import EncoderChoice

FAMILIES = (
    *("albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert"),
    *("electra", "modernbert", "mpnet", "roberta", "xlm-roberta"),
)
"""model_type of the networks that attend in both directions and have one vector per word piece."""

# 1 read every pooling as the mean, and neither prompts nor the tokenizer's maximum length.
VERSION = 2


class SentenceEncoder:
    """A frozen text network. Loaded at the first `encode`."""

    def __init__(
        self, spec: EncoderSpec, load: Callable[[], tuple[Tokenizer, nn.Module]], device: torch.device
    ) -> None:
        """`load`: the tokenizer, and a network that turns what it gives into (B, D)."""
        self.spec = spec
        self._load, self._device = load, device

    @cached_property
    def _loaded(self) -> tuple[Tokenizer, nn.Module]:
        tokenizer, network = self._load()
        return tokenizer, freeze(network, self._device)

    def encode(self, batch: Sequence[str]) -> torch.Tensor:
        """B texts -> (B, 1, D) float32."""
        tokenizer, network = self._loaded
        pieces = {name: values.to(self._device) for name, values in tokenizer(batch).items()}
        with torch.inference_mode():
            vectors_BD: torch.Tensor = network(**pieces)
            return vectors_BD.unsqueeze(1)


def from_weights(choice: EncoderChoice, device: torch.device) -> SentenceEncoder:
    """Make the encoder of `choice`: `weights` is a folder or hub repository of sentence-transformers.

    `MissingInput` for another kind of network, and for a module or a setting that is not supported.
    """
    only(choice, "weights")
    weights = obtain_weights(choice.name, choice.weights)
    config = read_config(weights, {name: CONFIG_MAPPING[name] for name in FAMILIES}, "networks of sentence encoders")
    recipe = read_vector_recipe(weights.folder, int(config.hidden_size))
    settings = read_text_settings(weights, config, prompt_counts=recipe.prompt_counts)
    spec = EncoderSpec(
        name=choice.name,
        modality="text",
        weights=weights.origin,
        weights_hash=weights.hash,
        native_dim=recipe.width,
        pooling=recipe.words,
        normalisation=settings.words,
        version=VERSION,
    )

    def load() -> tuple[Tokenizer, Any]:
        tokenizer = load_tokenizer(weights, settings, int(config.vocab_size))
        return tokenizer, recipe.build(load_exactly(MODEL_MAPPING[type(config)], config, weights))

    return SentenceEncoder(spec, load, device)
