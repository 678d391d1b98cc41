"""A small BERT with seeded random weights over hashed words: for tests, and to try the pipeline on a laptop."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Any

import torch
from transformers import BertConfig, BertModel

from unmask.cache.encoders.encoder_options import only
from unmask.cache.encoders.frozen import seeded
from unmask.cache.encoders.text_base import SentenceEncoder, Tokenizer
from unmask.cache.spec import EncoderSpec
from unmask.core.hashing import fingerprint
from unmask.preprocess.profiles import EncoderChoice

WORDS, MAX_WORDS = 1024, 64
SIZES = {
    "vocab_size": WORDS,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": MAX_WORDS,
}


def hashed_words(texts: Sequence[str]) -> dict[str, torch.Tensor]:
    """Each word's id is a checksum of it: no vocabulary to ship. 0 is padding, 1 begins every text."""
    found = [re.findall(r"\w+", text.lower())[: MAX_WORDS - 1] for text in texts]
    rows = [torch.tensor([1, *(2 + zlib.crc32(word.encode()) % (WORDS - 2) for word in words)]) for words in found]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    return {"input_ids": ids, "attention_mask": (ids != 0).long()}


def tiny_text(choice: EncoderChoice, device: torch.device) -> SentenceEncoder:
    """32 wide."""
    only(choice)
    spec = EncoderSpec(
        name=choice.name,
        modality="text",
        weights="seed-0",
        weights_hash=fingerprint("seed-0", SIZES),
        native_dim=SIZES["hidden_size"],
        normalisation=f"first {MAX_WORDS - 1} words",
    )

    def load() -> tuple[Tokenizer, Any]:
        return hashed_words, seeded(0, lambda: BertModel(BertConfig(**SIZES), add_pooling_layer=False))

    return SentenceEncoder(spec, load, device, unit=False)
