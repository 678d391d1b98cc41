"""Sentence-BERT: any member of the sentence-transformers family with mean pooling, from the hub or a local folder."""

from __future__ import annotations

import torch

from unmask.cache.encoders.text_base import SentenceEncoder, from_weights
from unmask.preprocess.profiles import EncoderChoice


def sbert(choice: EncoderChoice, device: torch.device) -> SentenceEncoder:
    """768 wide (all-mpnet-base-v2) unless `weights` names another model."""
    return from_weights(choice, device)
