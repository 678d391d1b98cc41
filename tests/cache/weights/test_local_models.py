"""Encoders read from local folders give what their own libraries give."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import timm
import torch
from transformers import AutoTokenizer, BertModel, Wav2Vec2FeatureExtractor, Wav2Vec2Model

from unmask.cache.encoders import make_encoder
from unmask.cache.encoders.audio_base import count_tokens, pool_mean, pool_mean_and_std
from unmask.cache.encoders.families.speech import NormalizedWave, SpeechFrames
from unmask.core.errors import MissingInput
from unmask.preprocess.profiles import EncoderChoice

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["wav2vec2_base", "wav2vec2_large"])
@pytest.mark.parametrize("layer", range(4))
def test_wav2vec2_layers_are_transformers_hidden_states(local_models: dict[str, str], name: str, layer: int):
    wave = torch.rand(2, 8000) - 0.5
    recipe = Wav2Vec2FeatureExtractor(do_normalize=True)
    normal = recipe(list(wave.numpy()), sampling_rate=16_000, return_tensors="pt").input_values
    whole = Wav2Vec2Model.from_pretrained(local_models[name]).eval()
    with torch.inference_mode():
        theirs = whole(normal, output_hidden_states=True)
        expected = theirs.hidden_states[layer] if layer < 3 else theirs.last_hidden_state
        ours = SpeechFrames(whole, (layer,), NormalizedWave())(wave)
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("name", "architecture"), [("vit_b16", "test_vit"), ("resnet50", "test_resnet")])
def test_image_tokens_are_timms_features_averaged(local_models: dict[str, str], name: str, architecture: str):
    from safetensors.torch import load_file

    network = timm.create_model(architecture, num_classes=3).eval()
    network.load_state_dict(load_file(Path(local_models[name]) / "model.safetensors"))
    config = timm.data.resolve_model_data_config(network)
    size = config["input_size"][-1]
    images = torch.randint(0, 256, (2, size, size, 3), dtype=torch.uint8)
    mean, std = (torch.tensor(config[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.inference_mode():
        features = network.forward_features((images.permute(0, 3, 1, 2) / 255 - mean) / std)
    expected = features[:, 1:].mean(dim=1) if features.ndim == 3 else features.mean(dim=(2, 3))
    tokens = make_encoder(EncoderChoice(name=name, weights=local_models[name]), CPU).encode(images)
    torch.testing.assert_close(tokens[:, 0], expected, rtol=1e-3, atol=1e-4)


def test_sentence_vectors_are_means_over_real_word_pieces(local_models: dict[str, str]):
    folder = local_models["sbert"]
    tokenizer, network = AutoTokenizer.from_pretrained(folder), BertModel.from_pretrained(folder).eval()
    encoder = make_encoder(EncoderChoice(name="sbert", weights=folder), CPU)
    texts = ["hello world", "a few more words hello"]
    with torch.inference_mode():
        for text, vector in zip(texts, encoder.encode(texts), strict=True):
            mean = network(**tokenizer(text, return_tensors="pt")).last_hidden_state.mean(dim=1)
            torch.testing.assert_close(vector, torch.nn.functional.normalize(mean, dim=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["vit_b16", "wav2vec2_base", "sbert"])
def test_a_moved_folder_keeps_its_key_and_other_weights_change_it(
    local_models: dict[str, str], tmp_path: Path, name: str
):
    moved = tmp_path / "elsewhere"
    copytree(local_models[name], moved)
    before = make_encoder(EncoderChoice(name=name, weights=local_models[name]), CPU).spec
    after = make_encoder(EncoderChoice(name=name, weights=str(moved)), CPU).spec
    assert before.weights != after.weights
    assert before.fingerprint("m") == after.fingerprint("m")
    raw = bytearray((moved / "model.safetensors").read_bytes())
    raw[-1] ^= 1
    (moved / "model.safetensors").write_bytes(raw)
    assert make_encoder(EncoderChoice(name=name, weights=str(moved)), CPU).spec.fingerprint("m") != before.fingerprint(
        "m"
    )


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(MissingInput, match="nowhere: no model folder"):
        make_encoder(EncoderChoice(name="vit_b16", weights=str(tmp_path / "nowhere")), CPU)


@pytest.mark.parametrize(
    ("samples", "rate", "tokens"), [(64_000, 5.0, 20), (16_000, 0.3, 1), (9_000, 5.0, 3), (1, 5.0, 1)]
)
def test_token_counts_worked_by_hand(samples: int, rate: float, tokens: int):
    assert count_tokens(samples, rate) == tokens


def test_each_token_is_the_mean_of_its_bin():
    frames = torch.arange(12.0).view(1, 12, 1)
    np.testing.assert_allclose(pool_mean(frames, 3)[0, :, 0], [1.5, 5.5, 9.5])
    spread = pool_mean_and_std(frames, 3)
    assert spread.shape == (1, 3, 2)
    np.testing.assert_allclose(spread[0, :, 1], [np.std([0, 1, 2, 3])] * 3, rtol=1e-5)
