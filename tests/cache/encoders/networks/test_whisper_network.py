"""The encoder that is written down here is transformers', to the last bit."""

from __future__ import annotations

from dataclasses import asdict

import pytest
import torch
from transformers import WhisperConfig
from transformers.audio_utils import mel_filter_bank
from transformers.models.whisper import modeling_whisper

from unmask.cache.encoders.networks.whisper_encoder import WhisperEncoder, WhisperShape, make_mel_filters

SHAPE = WhisperShape(
    d_model=48,
    num_mel_bins=80,
    encoder_layers=2,
    encoder_attention_heads=6,
    encoder_ffn_dim=96,
    max_source_positions=100,
)


@pytest.mark.parametrize("half", [False, True])
def test_its_layers_are_those_of_transformers(half: bool):
    theirs = modeling_whisper.WhisperEncoder(WhisperConfig(**asdict(SHAPE))).eval()
    own = WhisperEncoder(SHAPE).eval()
    generator = torch.Generator().manual_seed(0)
    state = {name: torch.randn(tensor.shape, generator=generator) * 0.3 for name, tensor in theirs.state_dict().items()}
    theirs.load_state_dict(state, strict=True)
    own.load_state_dict(state, strict=True)
    assert set(own.state_dict()) == set(state)
    mel = torch.randn(2, 80, 200, generator=generator)
    found = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
        expected = theirs(mel, output_hidden_states=True).hidden_states
        found.append(own.embed(mel))
        for layer in own.layers:
            found.append(layer(found[-1]))
        found[-1] = own.layer_norm(found[-1])
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=0)


def test_it_stays_finite_in_half_precision():
    layer = WhisperEncoder(SHAPE).layers[0].half().eval()
    with torch.inference_mode():
        assert layer(torch.full((1, 3, 48), 65_000.0, dtype=torch.float16)).abs().max() <= 64_504


def test_frames_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="7 heads"):
        WhisperEncoder(WhisperShape(48, 80, 1, 7, 96, 100))


@pytest.mark.parametrize("bands", [80, 128])
def test_its_filters_are_those_of_transformers(bands: int):
    theirs = mel_filter_bank(201, bands, 0.0, 8000.0, 16_000, norm="slaney", mel_scale="slaney")
    assert (make_mel_filters(201, bands, 8000.0) == theirs).all()
