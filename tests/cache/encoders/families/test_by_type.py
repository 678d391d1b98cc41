"""Encoders named by their weights: `ssl:`, `whisper:`, `clip:`, `av:`. What a folder is, its config.json says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_models import SIDE, TOWERS, VISION
from transformers import CLIPVisionModel, WhisperConfig, WhisperModel

from unmask.cache.encoders import BY_TYPE, find_named_weights, find_source, is_own, make_encoder
from unmask.cache.encoders.families import vision_tower
from unmask.cache.weights.completeness import check_weights
from unmask.cache.weights.resolve import find_weights
from unmask.core.errors import MissingInput, UsageError
from unmask.preprocess.encoder_names import BY_WEIGHTS, make_file_safe
from unmask.preprocess.profiles import EncoderChoice

CPU = torch.device("cpu")
TENSORS = "model.safetensors"
FACES = torch.randint(0, 256, (2, SIDE, SIDE, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(6))


def make(name: str, **settings: Any) -> Any:
    return make_encoder(EncoderChoice(name=name, **settings), CPU)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("ssl:facebook/wav2vec2-xls-r-300m@main", "ssl-wav2vec2-xls-r-300m"),
        ("clip:/models/My Tower/", "clip-My-Tower"),
        ("whisper:openai/whisper-small", "whisper-whisper-small"),
        ("av:facebook/pe-av-large", "av-pe-av-large"),
        ("timm:resnet18.a1_in1k", "timm-resnet18.a1_in1k"),
    ],
)
def test_a_name_becomes_a_file_name(name: str, safe: str):
    assert make_file_safe(name) == safe
    assert not is_own(name)
    assert find_source(name) is not None


def test_every_prefix_has_a_reader():
    assert tuple(BY_TYPE) == BY_WEIGHTS


@pytest.mark.parametrize("prefix", BY_WEIGHTS)
def test_a_name_without_weights_is_refused_with_an_example(prefix: str):
    with pytest.raises(UsageError, match="names no weights") as told:
        make(prefix)
    example = told.value.hint.removeprefix("for example ")
    assert find_named_weights(example) == BY_TYPE[prefix].example != ""
    assert find_source(example) is BY_TYPE[prefix].source


def test_the_folder_in_the_name_is_the_weights(models: dict[str, Path]):
    found = find_weights(f"ssl:{models['hubert layer']}")
    assert found is not None
    assert found.folder == models["hubert layer"]
    other = find_weights(f"ssl:{models['hubert layer']}", str(models["hubert group"]))
    assert other is not None
    assert other.folder == models["hubert group"], "as after `extract --weights`"


def test_short_names_read_their_own_family_only(models: dict[str, Path]):
    by_type = make(f"ssl:{models['wav2vec2 layer']}")
    named = make("wav2vec2_large", weights=str(models["wav2vec2 layer"]))
    assert by_type.spec.weights_hash == named.spec.weights_hash
    with pytest.raises(MissingInput, match="model_type 'hubert'"):
        make("wav2vec2_large", weights=str(models["hubert layer"]))


@pytest.mark.parametrize(
    ("prefix", "kind", "right"),
    [("ssl", "dinov2", "clip:"), ("clip", "wavlm group", "ssl:"), ("ssl", "pe_audio_video", "av:")],
)
def test_a_family_of_another_kind_names_who_reads_it(models: dict[str, Path], prefix: str, kind: str, right: str):
    with pytest.raises(MissingInput, match=f"model_type '{kind.split()[0]}'") as refused:
        make(f"{prefix}:{models[kind]}")
    assert right in refused.value.hint
    assert refused.value.exit_code == 4


@pytest.mark.parametrize("kind", ["hubert group", "wav2vec2-bert", *TOWERS])
def test_a_missing_and_an_unused_tensor_are_named(models: dict[str, Path], tmp_path: Path, kind: str):
    folder = copytree(models[kind], tmp_path / "model")
    name = f"{'ssl' if kind in ('hubert group', 'wav2vec2-bert') else 'clip'}:{folder}"
    whole = load_file(folder / TENSORS)
    own = [one for one in whole if "text" not in one and ("layer" in one or "patch" in one)]
    check_weights(make(name))
    for lost in (own[0], own[-1]):
        save_file({one: values for one, values in whole.items() if one != lost}, folder / TENSORS)
        with pytest.raises(MissingInput, match=re.escape(lost.removeprefix("vision_model."))):
            check_weights(make(name))
    prefix = "vision_model." if any(one.startswith("vision_model.") for one in whole) else ""
    save_file(whole | {f"{prefix}adapter.weight": torch.zeros(1)}, folder / TENSORS)
    with pytest.raises(MissingInput, match=r"too much: adapter\.weight"):
        check_weights(make(name))


@pytest.mark.parametrize("tower", ["feature_extractor.vision_model.", "feature_extractor."])
def test_the_tower_of_a_published_detector_is_read(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tower: str
):
    kind, _, recipe = vision_tower.BACKBONES["openai/clip-vit-large-patch14"]
    small = vision_tower.ImageRecipe.read(found) if (found := find_weights(f"clip:{models['clip']}")) else recipe
    assert small is not None
    monkeypatch.setitem(vision_tower.BACKBONES, "openai/clip-vit-large-patch14", (kind, VISION, small))
    model = CLIPVisionModel.from_pretrained(models["clip_vision_model"])
    tensors = {f"{tower}{name}": values for name, values in model.state_dict().items() if "position_ids" not in name}
    heads = {
        "feature_extractor.visual_projection.weight": torch.zeros(16, 32),
        "model.linear.weight": torch.zeros(2, 32),
    }
    if tower == "feature_extractor.":
        heads.pop("feature_extractor.visual_projection.weight")
    save_file(tensors | heads, tmp_path / TENSORS)
    about = {"model_type": "GenD", "backbone": "openai/clip-vit-large-patch14", "head": "LinearNorm"}
    (tmp_path / "config.json").write_text(json.dumps(about))
    ours, plain = (make(f"clip:{folder}", pooling="cls") for folder in (tmp_path, models["clip_vision_model"]))
    torch.testing.assert_close(ours.encode(FACES), plain.encode(FACES), rtol=0, atol=0)
    (tmp_path / "config.json").write_text(json.dumps(about | {"backbone": "someone/else"}))
    with pytest.raises(MissingInput, match="backbone 'someone/else'"):
        make(f"clip:{tmp_path}")


def test_the_published_backbone_has_the_shape_of_its_weights():
    """GenD_CLIP_L_14 is a file of 1,215,928,160 bytes: float32 of this tower, its projection and a linear head."""
    kind, settings, _ = vision_tower.BACKBONES["openai/clip-vit-large-patch14"]
    family = vision_tower.FAMILIES[kind]
    with torch.device("meta"):
        model = CLIPVisionModel(family.load_class(family.config)(**settings))
    numbers = sum(one.numel() for one in model.parameters()) + 768 * 1024 + 2 * 1024 + 2
    assert 0 < 1_215_928_160 - 4 * numbers < 100_000, "the header"


def test_a_tower_without_a_recipe_is_refused(models: dict[str, Path], tmp_path: Path):
    folder = copytree(models["dinov2"], tmp_path / "model")
    path = folder / "preprocessor_config.json"
    recipe = json.loads(path.read_text())
    for change, said in (
        ({"size": {"height": 32, "width": 64}, "do_center_crop": False}, "squares"),
        ({"resample": 1}, "resample 1"),
        ({"do_normalize": False}, "do_normalize"),
        ({"rescale_factor": 1.0}, "rescale_factor"),
    ):
        path.write_text(json.dumps(recipe | change))
        with pytest.raises(MissingInput, match=said):
            make(f"clip:{folder}")
    path.write_text(json.dumps({name: value for name, value in recipe.items() if name != "image_mean"}))
    with pytest.raises(MissingInput, match="image_mean"):
        make(f"clip:{folder}")
    path.unlink()
    with pytest.raises(MissingInput, match="how its images are prepared"):
        make(f"clip:{folder}")


@pytest.mark.parametrize("kind", ["clip", "dinov3_vit"])
def test_a_tower_is_saved_as_a_folder_that_reads_back(models: dict[str, Path], tmp_path: Path, kind: str):
    encoder = make(f"clip:{models[kind]}")
    encoder.checkpoint.write(tmp_path, {})
    torch.testing.assert_close(make(f"clip:{tmp_path}").encode(FACES), encoder.encode(FACES), rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["siglip", "siglip_vision_model"])
def test_siglip_has_no_class_token(models: dict[str, Path], kind: str):
    with pytest.raises(UsageError, match="no class token"):
        make(f"clip:{models[kind]}", pooling="cls+mean")


def test_whisper_is_read_by_its_type(tmp_path: Path):
    sizes = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 1, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "vocab_size": 60, "num_mel_bins": 20}
    config = WhisperConfig(**sizes, **heads, max_source_positions=1500, pad_token_id=0, bos_token_id=1, eos_token_id=2)
    WhisperModel(config).save_pretrained(tmp_path)
    wave = torch.rand(1, 16_000, generator=torch.Generator().manual_seed(1)) - 0.5
    by_type, named = make(f"whisper:{tmp_path}"), make("whisper_tiny", weights=str(tmp_path))
    torch.testing.assert_close(by_type.encode(wave), named.encode(wave), rtol=0, atol=0)
    (tmp_path / "preprocessor_config.json").write_text("{}")
    with pytest.raises(MissingInput, match="model_type 'whisper'"):
        make(f"ssl:{tmp_path}")
