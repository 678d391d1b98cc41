"""wav2vec 2.0 Base: 12 layers, 768 wide, trained on 960 hours of LibriSpeech without transcripts."""

from __future__ import annotations

import torch

from unmask.cache.encoders.audio_base import AudioEncoder
from unmask.cache.encoders.wav2vec2 import from_weights
from unmask.preprocess.profiles import EncoderChoice


def wav2vec2_base(choice: EncoderChoice, device: torch.device) -> AudioEncoder:
    """768 wide, layer 6 unless another is asked for."""
    return from_weights(choice, device)
