"""Sentence encoders: a transformer and the mean over its tokens, one vector per text.

Reimers and Gurevych, "Sentence-BERT", EMNLP 2019. Texts of a batch are padded and masked: padding has no weight in
attention or in the mean, so a text's vector does not depend on the rest of the batch.

B texts, N word pieces, D numbers
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel, AutoTokenizer

from unmask.cache.encoders.encoder_options import only
from unmask.cache.encoders.frozen import freeze, load_from_folder
from unmask.cache.spec import EncoderSpec
from unmask.cache.weights.resolve import Weights, obtain_weights
from unmask.core.errors import MissingInput
from unmask.preprocess.profiles import EncoderChoice

Tokenizer = Callable[[Sequence[str]], dict[str, torch.Tensor]]
"""B texts -> input_ids and attention_mask, (B, N) int64."""

DEFAULT_PIECES = 256


class SentenceEncoder:
    """A frozen text transformer with mean pooling. Loaded at the first `encode`."""

    def __init__(
        self, spec: EncoderSpec, load: Callable[[], tuple[Tokenizer, Any]], device: torch.device, *, unit: bool
    ) -> None:
        """`unit`: vectors are scaled to length 1."""
        self.spec = spec
        self._load, self._device, self._unit = load, device, unit

    @cached_property
    def _loaded(self) -> tuple[Tokenizer, Any]:
        tokenizer, network = self._load()
        return tokenizer, freeze(network, self._device)

    def encode(self, batch: Sequence[str]) -> torch.Tensor:
        """B texts -> (B, 1, D) float32."""
        tokenizer, network = self._loaded
        pieces = {name: values.to(self._device) for name, values in tokenizer(batch).items()}
        with torch.inference_mode():
            hidden_BND = network(**pieces).last_hidden_state.float()
            weight_BN1 = pieces["attention_mask"].unsqueeze(2).float()
            mean_BD = (hidden_BND * weight_BN1).sum(dim=1) / weight_BN1.sum(dim=1)
            return (F.normalize(mean_BD, dim=1) if self._unit else mean_BD).unsqueeze(1)


def from_weights(choice: EncoderChoice, device: torch.device) -> SentenceEncoder:
    """Make the encoder of `choice`: `weights` is a folder or hub repository of sentence-transformers."""
    only(choice, "weights")
    weights = obtain_weights(choice.name, choice.weights)
    unit, pieces = _has_unit_length(weights), _read_max_pieces(weights)
    config = AutoConfig.from_pretrained(str(weights.folder), local_files_only=True, trust_remote_code=False)
    spec = EncoderSpec(
        name=choice.name,
        modality="text",
        weights=weights.origin,
        weights_hash=weights.hash,
        native_dim=int(config.hidden_size),
        pooling="mean, unit length" if unit else "mean",
        normalisation=f"first {pieces} word pieces",
    )

    def load() -> tuple[Tokenizer, Any]:
        return _load_tokenizer(weights, pieces), load_from_folder(AutoModel, weights.folder)

    return SentenceEncoder(spec, load, device, unit=unit)


def _load_tokenizer(weights: Weights, pieces: int) -> Tokenizer:
    tokenizer = AutoTokenizer.from_pretrained(str(weights.folder), local_files_only=True, trust_remote_code=False)

    def tokenize(texts: Sequence[str]) -> dict[str, torch.Tensor]:
        found = tokenizer(list(texts), padding=True, truncation=True, max_length=pieces, return_tensors="pt")
        return {name: found[name] for name in ("input_ids", "attention_mask")}

    return tokenize


def _has_unit_length(weights: Weights) -> bool:
    """Does the model scale vectors to length 1? `MissingInput` when its pooling is not the mean."""
    pooling = _read_settings(weights, "1_Pooling/config.json")
    if not pooling.get("pooling_mode_mean_tokens", True):
        raise MissingInput(
            f"{weights.folder}: its pooling is not the mean", "set `weights` to a sentence model with mean pooling"
        )
    modules: Any = _read_settings(weights, "modules.json")
    return any("Normalize" in module.get("type", "") for module in modules or [])


def _read_max_pieces(weights: Weights) -> int:
    return int(_read_settings(weights, "sentence_bert_config.json").get("max_seq_length") or DEFAULT_PIECES)


def _read_settings(weights: Weights, name: str) -> dict[str, Any]:
    path = weights.folder / name
    settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return settings
