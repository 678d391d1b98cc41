"""Small work folders with labels and splits, and a small Whisper on disk, for adaptation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from labeled_media import label_rows, make_manifest

from unmask.manifests.manifest import Manifest


@pytest.fixture
def labeled(media: Any) -> Callable[[str], Manifest]:
    """labeled("image"): the manifest of 16 preprocessed items of this kind."""

    def make(kind: str) -> Manifest:
        media.add(*(f"{kind}-{number}" for number in range(16)))
        media.rows = label_rows(media.rows)
        return make_manifest(media.rows)

    return make


@pytest.fixture(scope="session")
def whisper_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small Whisper with its decoder, as transformers saves it."""
    from transformers import WhisperConfig, WhisperModel

    sizes = {"d_model": 16, "encoder_attention_heads": 2, "decoder_attention_heads": 2, "vocab_size": 20}
    layers = {"encoder_layers": 3, "decoder_layers": 1, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
    tokens = {"pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0, "decoder_start_token_id": 0}
    folder = tmp_path_factory.mktemp("whisper")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = WhisperModel(WhisperConfig(**sizes, **layers, **tokens, num_mel_bins=80, max_target_positions=8))
    model.save_pretrained(folder)
    return str(folder)
