"""Checkpoints with fairseq's tensor names give the tokens of the same network as transformers saves it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from unmask.cache.encoders import make_encoder
from unmask.core.errors import MissingInput
from unmask.preprocess.profiles import EncoderChoice

CPU = torch.device("cpu")
PREFIX = "m_ssl.model."
# From transformers' names to fairseq's, each way round from the table of the product.
BACK = (
    (r"^feature_extractor\.conv_layers\.(\d+)\.conv\.", r"feature_extractor.conv_layers.\1.0."),
    (r"^feature_projection\.projection\.", "post_extract_proj."),
    (r"^feature_projection\.layer_norm\.", "layer_norm."),
    (r"^encoder\.pos_conv_embed\.conv\.parametrizations\.weight\.original0$", "encoder.pos_conv.0.weight_g"),
    (r"^encoder\.pos_conv_embed\.conv\.parametrizations\.weight\.original1$", "encoder.pos_conv.0.weight_v"),
    (r"^encoder\.pos_conv_embed\.conv\.", "encoder.pos_conv.0."),
    (r"(encoder\.layers\.\d+)\.layer_norm\.", r"\1.self_attn_layer_norm."),
    (r"\.attention\.", ".self_attn."),
    (r"\.feed_forward\.intermediate_dense\.", ".fc1."),
    (r"\.feed_forward\.output_dense\.", ".fc2."),
    (r"^masked_spec_embed$", "mask_emb"),
)


def name_as_fairseq(name: str, norm: str) -> str:
    wrapped = ".2.1." if norm == "layer" else ".2."
    name = re.sub(r"^(feature_extractor\.conv_layers\.\d+)\.layer_norm\.", rf"\1{wrapped}", name)
    for pattern, other in BACK:
        name = re.sub(pattern, other, name)
    return name


def publish(folder: Path, published: Path, norm: str) -> dict[str, torch.Tensor]:
    """As AntiDeepfake does: with a prefix, a head and parts of pretraining."""
    shutil.copytree(folder, published)
    own = {PREFIX + name_as_fairseq(name, norm): one for name, one in load_file(folder / "model.safetensors").items()}
    beside = {"proj_fc.weight": torch.zeros(2, 32), "proj_fc.bias": torch.zeros(2)}
    pretraining = {f"{PREFIX}quantizer.vars": torch.zeros(1, 4, 2), f"{PREFIX}final_proj.weight": torch.zeros(3, 32)}
    tensors = own | beside | pretraining
    save_file({name: values.clone() for name, values in tensors.items()}, published / "model.safetensors")
    return tensors


@pytest.mark.parametrize("kind", ["wav2vec2 group", "wav2vec2 layer", "hubert group", "hubert layer"])
def test_tokens_are_those_of_the_same_network(models: dict[str, Path], tmp_path: Path, kind: str):
    published = tmp_path / "published"
    publish(models[kind], published, kind.partition(" ")[2])
    wave = torch.rand(2, 16_000, generator=torch.Generator().manual_seed(3)) - 0.5
    for layer in (1, 3):
        one, other = (
            make_encoder(EncoderChoice(name=f"ssl:{at}", layer=layer), CPU) for at in (models[kind], published)
        )
        assert torch.equal(one.encode(wave), other.encode(wave))


def test_the_tensors_say_whether_convolutions_have_biases(models: dict[str, Path], tmp_path: Path):
    published, folder = tmp_path / "published", models["hubert layer"]
    publish(folder, published, "layer")
    config = json.loads((published / "config.json").read_text())
    (published / "config.json").write_text(json.dumps(config | {"conv_bias": not config["conv_bias"]}))
    wave = torch.rand(1, 16_000, generator=torch.Generator().manual_seed(3)) - 0.5
    one, other = (make_encoder(EncoderChoice(name=f"ssl:{at}"), CPU) for at in (folder, published))
    assert torch.equal(one.encode(wave), other.encode(wave))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("lacks", "has no encoder.layers.1.feed_forward.intermediate_dense.weight"),
        ("extra", "has too much: encoder.layers.7.final_layer_norm.weight"),
        ("twice", "has 2 tensors post_extract_proj.weight"),
    ],
)
def test_other_tensors_are_refused_and_named(models: dict[str, Path], tmp_path: Path, change: str, expected: str):
    published = tmp_path / "published"
    tensors = publish(models["wav2vec2 layer"], published, "layer")
    if change == "lacks":
        del tensors[f"{PREFIX}encoder.layers.1.fc1.weight"]
    elif change == "extra":
        tensors[f"{PREFIX}encoder.layers.7.final_layer_norm.weight"] = torch.zeros(32)
    else:
        tensors |= {name.replace("m_ssl", "other"): values for name, values in tensors.items()}
    save_file({name: values.clone() for name, values in tensors.items()}, published / "model.safetensors")
    with pytest.raises(MissingInput, match=re.escape(expected)):
        make_encoder(EncoderChoice(name=f"ssl:{published}"), CPU).encode(torch.zeros(1, 16_000))
