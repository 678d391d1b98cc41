"""The tokens of several layers from one pass are those of each layer by itself, bit for bit on a CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import timm
import torch
from small_models import LAYERS, SIDE, SPEECH, TOWERS
from timm.models import save_for_hf
from transformers import WhisperConfig, WhisperModel

from unmask.cache.encoders import make_encoder
from unmask.cache.spec import LayeredEncoder
from unmask.preprocess.profiles import EncoderChoice

CPU = torch.device("cpu")
RANDOM = torch.Generator().manual_seed(3)
WAVES = torch.rand(3, 8_000, generator=RANDOM) - 0.5
FACES = torch.randint(0, 256, (3, SIDE, SIDE, 3), dtype=torch.uint8, generator=RANDOM)


def check_each_layer(name: str, layers: list[tuple[int, ...]], batch: torch.Tensor, **settings: Any) -> None:
    """Ask the encoder of the last of `layers`, the highest, for all of them, and for all but itself."""

    def make(asked: tuple[int, ...]) -> LayeredEncoder:
        return cast(LayeredEncoder, make_encoder(EncoderChoice(name=name, layer=asked, **settings), CPU))

    highest = make(layers[-1])
    assert set(layers[-1]) < set(highest.layers)
    alone = [make(asked).encode(batch) for asked in layers]
    assert len({float(tokens.double().abs().sum()) for tokens in alone}) == len(layers), "layers differ"
    for few in (layers, layers[:-1]):
        for tokens, expected in zip(highest.encode_layers(batch, few), alone, strict=False):
            torch.testing.assert_close(tokens, expected, rtol=0, atol=0)


@pytest.mark.parametrize("kind", SPEECH)
def test_speech_networks(models: dict[str, Path], kind: str):
    check_each_layer(f"ssl:{models[kind]}", [(0,), (1,), (0, 2), (2,), (LAYERS,)], WAVES)


@pytest.mark.parametrize("kind", SPEECH)
def test_below_the_last_layer_of_a_speech_network(models: dict[str, Path], kind: str):
    check_each_layer(f"ssl:{models[kind]}", [(0,), (1,), (LAYERS - 1,)], WAVES)


@pytest.mark.parametrize("highest", [2, 3])
def test_whisper(tmp_path: Path, highest: int):
    sizes = {"d_model": 32, "encoder_layers": 3, "decoder_layers": 1, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "vocab_size": 60}
    config = WhisperConfig(**sizes, **heads, pad_token_id=0, bos_token_id=1, eos_token_id=2)
    WhisperModel(config).save_pretrained(tmp_path)
    check_each_layer(f"whisper:{tmp_path}", [(0,), (1,), (0, 1), (highest,)], WAVES)


@pytest.mark.parametrize("settings", [{}, {"grid": 2}], ids=str)
@pytest.mark.parametrize("kind", TOWERS)
def test_vision_towers(models: dict[str, Path], kind: str, settings: dict[str, Any]):
    check_each_layer(f"clip:{models[kind]}", [(1,), (2,), (1, 2), (LAYERS,)], FACES, **settings)


@pytest.mark.parametrize("pooling", ["cls", "cls+mean"])
def test_class_tokens(models: dict[str, Path], pooling: str):
    check_each_layer(f"clip:{models['clip']}", [(1,), (LAYERS,)], FACES, pooling=pooling)


@pytest.mark.parametrize("network", ["test_vit", "test_resnet"])
def test_timm_networks_whose_layers_may_differ_in_width(tmp_path: Path, network: str):
    made = timm.create_model(network, num_classes=0)
    save_for_hf(made, tmp_path, safe_serialization=True)
    layers = [(number + 1,) for number in range(len(made.feature_info))]
    check_each_layer(f"timm:{network}", layers, FACES, weights=str(tmp_path))
