"""The tokenizer of a sentence model, as a function from texts to word pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import AutoTokenizer

from unmask.cache.encoders.sentences.text_settings import TextSettings
from unmask.cache.weights.folder_files import read_settings
from unmask.cache.weights.resolve import Weights
from unmask.core.errors import MissingInput

Tokenizer = Callable[[Sequence[str]], dict[str, torch.Tensor]]
"""B texts -> input_ids and attention_mask, (B, N) int64."""


def load_tokenizer(weights: Weights, settings: TextSettings, words: int) -> Tokenizer:
    """Load the tokenizer beside `weights`. `words`: size of the network's vocabulary.

    `MissingInput` when its files are broken, or when it is another model's.
    """
    for path in weights.others:
        if path.name in ("tokenizer.json", "tokenizer_config.json"):
            read_settings(path)
    tokenizer = _load(weights)
    if tokenizer.pad_token_id is None or not 0 < len(tokenizer) <= words:
        problem = f"{weights.folder}: a tokenizer of {len(tokenizer)} word pieces, the network has {words}"
        raise MissingInput(problem, "the tokenizer is another model's: fetch the folder again")

    def tokenize(texts: Sequence[str]) -> dict[str, torch.Tensor]:
        prepared = [settings.prepare(text) for text in texts]
        found = tokenizer(prepared, padding=True, truncation=True, max_length=settings.pieces, return_tensors="pt")
        return {name: found[name] for name in ("input_ids", "attention_mask")}

    return tokenize


def _load(weights: Weights) -> Any:
    try:
        # On the right: padding on the left would shift positions, and the first word piece would not be the first.
        return AutoTokenizer.from_pretrained(
            str(weights.folder), local_files_only=True, trust_remote_code=False, padding_side="right"
        )
    # The library behind it raises plain Exception for a file that it cannot read.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise MissingInput(f"{weights.folder}: its tokenizer cannot be read ({reason})", "fetch it again") from error
