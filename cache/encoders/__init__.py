"""All encoders: one file each, one line here. `cache/weights/registry.py` says where their weights come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from unmask.cache.encoders.dinov2_s import dinov2_s
from unmask.cache.encoders.efficientnet_lite0 import efficientnet_lite0
from unmask.cache.encoders.lfcc import lfcc
from unmask.cache.encoders.metadata import metadata
from unmask.cache.encoders.minilm import minilm
from unmask.cache.encoders.resnet50 import resnet50
from unmask.cache.encoders.sbert import sbert
from unmask.cache.encoders.timm_network import timm_network
from unmask.cache.encoders.tiny_audio import tiny_audio
from unmask.cache.encoders.tiny_image import tiny_image
from unmask.cache.encoders.tiny_text import tiny_text
from unmask.cache.encoders.vit_b16 import vit_b16
from unmask.cache.encoders.wav2vec2_base import wav2vec2_base
from unmask.cache.encoders.wav2vec2_large import wav2vec2_large
from unmask.cache.encoders.whisper_tiny import whisper_tiny
from unmask.cache.spec import Encoder
from unmask.cache.weights.registry import TIMM, file_safe
from unmask.core.errors import UsageError
from unmask.preprocess.profiles import EncoderChoice

Maker = Callable[[EncoderChoice, torch.device], Encoder]

ENCODERS: dict[str, Maker] = {
    "efficientnet_lite0": efficientnet_lite0,
    "vit_b16": vit_b16,
    "resnet50": resnet50,
    "dinov2_s": dinov2_s,
    "lfcc": lfcc,
    "whisper_tiny": whisper_tiny,
    "wav2vec2_base": wav2vec2_base,
    "wav2vec2_large": wav2vec2_large,
    "minilm": minilm,
    "sbert": sbert,
    "metadata": metadata,
    "tiny_image": tiny_image,
    "tiny_audio": tiny_audio,
    "tiny_text": tiny_text,
}


def make_encoder(choice: EncoderChoice, device: torch.device) -> Encoder:
    """The encoder with its spec; its network is loaded at the first `encode`. `UsageError` for an unknown name."""
    encoder = _maker(choice.name)(choice, device)
    # The same for all, so no encoder has to think of it.
    encoder.spec = replace(
        encoder.spec,
        name=file_safe(choice.name),
        projection=choice.projection,
        precision=choice.precision,
    )
    return encoder


def _maker(name: str) -> Maker:
    if name.startswith(TIMM):
        return timm_network
    if name not in ENCODERS:
        raise UsageError(f"no encoder {name!r}", f"one of: {', '.join(ENCODERS)}, or {TIMM}<name of a timm network>")
    return ENCODERS[name]
