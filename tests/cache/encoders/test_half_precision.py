"""Half precision on a GPU changes a token by less than anything that matters would: bounded against float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from encoder_members import HERE, LOCAL

from unmask.cache.encoder_runner import Runner
from unmask.cache.encoders import make_encoder
from unmask.cache.projections.projection import projection
from unmask.preprocess.profiles import EncoderChoice

# Of a token's length: float16 has three digits, and a network of a dozen layers loses some of them.
MOST = 0.01
CHOICES = [*((name, None) for name in HERE), *LOCAL.items()]

gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(params=CHOICES, ids=lambda pair: " ".join(filter(None, pair)))
def choice(request, local_models) -> EncoderChoice:
    name, folder = request.param
    return EncoderChoice(name=name, weights=local_models[folder] if folder else None)


def inputs(modality: str) -> Any:
    random = np.random.default_rng(0)
    if modality == "image":
        return torch.from_numpy(random.integers(0, 256, (6, 64, 64, 3), dtype=np.uint8))
    if modality == "audio":
        return torch.from_numpy(random.normal(0, 0.1, (4, 16_000)).astype(np.float32))
    return ["a few words", "hello world", "more words"] if modality == "text" else [{}, {}]


def tokens(choice: EncoderChoice, device: str, precision: str) -> np.ndarray:
    asked = choice.model_copy(update={"precision": precision})
    encoder = make_encoder(asked, torch.device(device))
    placed = projection(encoder.spec.native_dim, encoder.spec.projection)
    return Runner.of(encoder, torch.device(device), 4, placed).run(inputs(encoder.spec.modality))[0].astype(np.float64)


def error(found: np.ndarray, expected: np.ndarray) -> float:
    return float((np.linalg.norm(found - expected, axis=-1) / np.linalg.norm(expected, axis=-1)).max())


@gpu
def test_a_token_in_half_precision_is_within_a_hundredth_of_the_one_in_full(choice):
    assert error(tokens(choice, "cuda", "auto"), tokens(choice, "cuda", "float32")) < MOST


@gpu
def test_a_token_of_a_gpu_is_that_of_a_cpu(choice):
    assert error(tokens(choice, "cuda", "float32"), tokens(choice, "cpu", "float32")) < MOST / 2


def test_precision_is_part_of_the_key():
    full, auto = (
        make_encoder(EncoderChoice(name="lfcc", precision=p), torch.device("cpu")).spec for p in ("float32", "auto")
    )
    assert full.fingerprint("media") != auto.fingerprint("media")
