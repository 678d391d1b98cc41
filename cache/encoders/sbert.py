"""Sentence-BERT: any member of the sentence-transformers family with mean pooling, from the hub or a local folder."""

from __future__ import annotations

import torch

from cache.encoders.sentence import SentenceEncoder, from_weights
from preprocess.profiles import EncoderChoice


def sbert(choice: EncoderChoice, device: torch.device) -> SentenceEncoder:
    """768 wide (all-mpnet-base-v2) unless `weights` names another model."""
    return from_weights(choice, device)
