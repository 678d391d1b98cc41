"""Small networks with seeded random weights, one per modality: for tests, and to try the pipeline on a laptop."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import BertConfig, BertModel, Wav2Vec2Config, Wav2Vec2Model

from unmask.cache.encoders import image_base
from unmask.cache.encoders.audio_base import AudioEncoder
from unmask.cache.encoders.encoder_options import only
from unmask.cache.encoders.families import speech
from unmask.cache.encoders.frozen import build_seeded
from unmask.cache.encoders.image_base import ImageEncoder
from unmask.cache.encoders.sentences.sentence_encoder import SentenceEncoder
from unmask.cache.encoders.sentences.tokenizer import Tokenizer
from unmask.cache.encoders.sentences.vector_modules import SentenceVectors
from unmask.cache.encoders.timm_weights import Architecture
from unmask.cache.spec import EncoderSpec
from unmask.core.hashing import fingerprint
from unmask.preprocess.profiles import EncoderChoice

IMAGE_ARCHITECTURE = Architecture(
    name="test_vit",
    classes=0,
    size=64,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    arguments={"img_size": 64, "depth": 2},
)
AUDIO_SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
WORDS, MAX_WORDS = 1024, 64
TEXT_SIZES: dict[str, Any] = {
    "vocab_size": WORDS,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": MAX_WORDS,
}


def tiny_image(choice: EncoderChoice, device: torch.device) -> ImageEncoder:
    """Vision transformer: 64 wide, 64 px, 4 x 4 patches."""
    only(choice, "layer", "grid", "pooling")
    spec = image_base.describe(choice, IMAGE_ARCHITECTURE, "seed-0", "seed-0")
    return ImageEncoder(spec, IMAGE_ARCHITECTURE, lambda: build_seeded(0, IMAGE_ARCHITECTURE.build), device)


def tiny_audio(choice: EncoderChoice, device: torch.device) -> AudioEncoder:
    """wav2vec 2.0: 32 wide, 2 layers."""
    only(choice, "layer", "tokens_per_second")
    config = Wav2Vec2Config(**AUDIO_SIZES)
    spec = speech.describe(choice, config, "seed-0", fingerprint("seed-0", AUDIO_SIZES), speech.NORMALIZED)

    def load() -> nn.Module:
        model = build_seeded(0, lambda: Wav2Vec2Model(config))
        return speech.SpeechFrames(model, spec.layers, speech.NormalizedWave())

    return AudioEncoder(spec, load, device, layers=range(config.num_hidden_layers + 1))


def tiny_text(choice: EncoderChoice, device: torch.device) -> SentenceEncoder:
    """BERT over hashed words: 32 wide."""
    only(choice)
    spec = EncoderSpec(
        name=choice.name,
        modality="text",
        weights="seed-0",
        weights_hash=fingerprint("seed-0", TEXT_SIZES),
        native_dim=TEXT_SIZES["hidden_size"],
        normalisation=f"first {MAX_WORDS - 1} words",
    )

    def load() -> tuple[Tokenizer, nn.Module]:
        network = build_seeded(0, lambda: BertModel(BertConfig(**TEXT_SIZES), add_pooling_layer=False))
        return hash_words, SentenceVectors(network, ["mean"])

    return SentenceEncoder(spec, load, device)


def hash_words(texts: Sequence[str]) -> dict[str, torch.Tensor]:
    """B texts -> input_ids and attention_mask, (B, N) int64.

    A word's id is a checksum of the word, so there is no vocabulary. 0 is padding, 1 begins every text.
    """
    words_of = [re.findall(r"\w+", text.lower())[: MAX_WORDS - 1] for text in texts]
    rows = [torch.tensor([1, *(2 + zlib.crc32(word.encode()) % (WORDS - 2) for word in words)]) for words in words_of]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    return {"input_ids": ids, "attention_mask": (ids != 0).long()}
