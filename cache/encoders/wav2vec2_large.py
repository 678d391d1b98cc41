"""wav2vec 2.0 Large: 24 layers, 1024 wide; `weights` also takes its relatives, such as facebook/wav2vec2-xls-r-300m."""

from __future__ import annotations

import torch

from unmask.cache.encoders.audio_base import AudioEncoder
from unmask.cache.encoders.wav2vec2 import from_weights
from unmask.preprocess.profiles import EncoderChoice


def wav2vec2_large(choice: EncoderChoice, device: torch.device) -> AudioEncoder:
    """1024 wide, layer 12 unless another is asked for."""
    return from_weights(choice, device)
