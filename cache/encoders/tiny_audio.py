"""A small wav2vec 2.0 with seeded random weights: for tests, and to try the pipeline on a laptop."""

from __future__ import annotations

import torch
from torch import nn
from transformers import Wav2Vec2Config, Wav2Vec2Model

from unmask.cache.encoders.audio_base import AudioEncoder
from unmask.cache.encoders.encoder_options import only
from unmask.cache.encoders.frozen import seeded
from unmask.cache.encoders.wav2vec2 import Wav2Vec2Frames, describe
from unmask.core.hashing import fingerprint
from unmask.preprocess.profiles import EncoderChoice

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}


def tiny_audio(choice: EncoderChoice, device: torch.device) -> AudioEncoder:
    """32 wide, 2 layers."""
    only(choice, "layer", "tokens_per_second")
    config = Wav2Vec2Config(**SIZES)
    spec = describe(choice, config, "seed-0", fingerprint("seed-0", SIZES), normalise=True)

    def load() -> nn.Module:
        return Wav2Vec2Frames(seeded(0, lambda: Wav2Vec2Model(config)), spec.layers, normalise=True)

    return AudioEncoder(spec, load, device)
