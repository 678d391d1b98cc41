"""All encoders: one file each, one line here. `cache.weights.SOURCES` says where each one's weights come from."""

from __future__ import annotations

from collections.abc import Callable

import torch

from cache.encoders.efficientnet_lite0 import efficientnet_lite0
from cache.encoders.lfcc import lfcc
from cache.encoders.minilm import minilm
from cache.encoders.resnet50 import resnet50
from cache.encoders.sbert import sbert
from cache.encoders.tiny_audio import tiny_audio
from cache.encoders.tiny_image import tiny_image
from cache.encoders.tiny_text import tiny_text
from cache.encoders.vit_b16 import vit_b16
from cache.encoders.wav2vec2_base import wav2vec2_base
from cache.encoders.wav2vec2_large import wav2vec2_large
from cache.encoders.whisper_tiny import whisper_tiny
from cache.spec import Encoder
from core.errors import UsageError
from preprocess.profiles import EncoderChoice

ENCODERS: dict[str, Callable[[EncoderChoice, torch.device], Encoder]] = {
    "efficientnet_lite0": efficientnet_lite0,
    "vit_b16": vit_b16,
    "resnet50": resnet50,
    "lfcc": lfcc,
    "whisper_tiny": whisper_tiny,
    "wav2vec2_base": wav2vec2_base,
    "wav2vec2_large": wav2vec2_large,
    "minilm": minilm,
    "sbert": sbert,
    "tiny_image": tiny_image,
    "tiny_audio": tiny_audio,
    "tiny_text": tiny_text,
}


def make_encoder(choice: EncoderChoice, device: torch.device) -> Encoder:
    """The encoder with its spec; its network is loaded at the first `encode`. `UsageError` for an unknown name."""
    if choice.name not in ENCODERS:
        raise UsageError(f"no encoder {choice.name!r}", f"one of: {', '.join(ENCODERS)}")
    return ENCODERS[choice.name](choice, device)
