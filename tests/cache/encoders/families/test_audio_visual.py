"""Audio-visual encoders: the tokens of both sides, their weights and recipes.

`pytest -s` prints the largest deviation of each side: the table of docs/encoders.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch
import torchaudio
from safetensors.torch import load_file, save_file
from small_models import AUDIO_HOP, LAYERS, SIDE
from transformers import AutoConfig, AutoFeatureExtractor, AutoVideoProcessor, PeAudioVideoModel

from unmask.cache.encoders import make_encoder
from unmask.cache.encoders.families.audio_visual import FRAMES_AT_ONCE, PreparedFaces
from unmask.cache.weights.completeness import check_weights
from unmask.core.errors import MissingInput, UsageError
from unmask.preprocess.profiles import EncoderChoice

CPU = torch.device("cpu")
ROUNDING = {"rtol": 1e-4, "atol": 2e-5}
TENSORS = "model.safetensors"
SOUND, FRAMES = "preprocessor_config.json", "video_preprocessor_config.json"


@pytest.fixture(scope="module")
def folder(models: dict[str, Path]) -> Path:
    return models["pe_audio_video"]


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return copytree(folder, tmp_path / "model")


def make(folder: Path, side: str, **settings: Any) -> Any:
    return make_encoder(EncoderChoice(name=f"av:{folder}", side=side, **settings), CPU)


def load(folder: Path) -> PeAudioVideoModel:
    """The whole network by the library, which shares each tower between its parts.

    Not by `from_pretrained`: with timm 1.0.31, whose rotary positions have a buffer that transformers 5.23 takes for a
    shared weight, it raises an error.
    """
    model = PeAudioVideoModel(AutoConfig.from_pretrained(folder)).eval()
    missing, unexpected = model.load_state_dict(load_file(folder / TENSORS), strict=False)
    parameters = dict(model.named_parameters())
    assert not unexpected
    assert not set(missing) & set(parameters)
    return model


def waves(samples: int, count: int = 2) -> torch.Tensor:
    return torch.rand(count, samples, generator=torch.Generator().manual_seed(5)) - 0.5


def faces(side: int, frames: int = 5, clips: int = 2) -> torch.Tensor:
    random = torch.Generator().manual_seed(6)
    return torch.randint(0, 256, (clips, frames, side, side, 3), dtype=torch.uint8, generator=random)


def note(deviations: dict[str, float], side: str, ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, **ROUNDING)
    assert theirs.std() > 0.05, "numbers that a mistake would show in"
    kind = f"PE-AV, {side}"
    deviations[kind] = max(deviations.get(kind, 0.0), float((ours - theirs).abs().max()))


def read_states(found: Any) -> list[torch.Tensor]:
    """Hidden states without the class token, which the last of them does not have."""
    return [*(state[:, 1:] for state in found.hidden_states[:-1]), found.last_hidden_state]


@pytest.mark.parametrize("samples", [16_000, 9_001])
@torch.inference_mode()
def test_frames_of_audio_are_transformers_hidden_states(folder: Path, deviations: dict[str, float], samples: int):
    model, recipe = load(folder), AutoFeatureExtractor.from_pretrained(folder)
    batch = waves(samples)
    resampled = torchaudio.transforms.Resample(16_000, 48_000)(batch)
    assert (resampled - torchaudio.functional.resample(batch, 16_000, 48_000)).abs().max() < 1e-3, "the same in float32"
    inputs = recipe(list(resampled.numpy()), sampling_rate=48_000, return_tensors="pt")
    assert inputs["padding_mask"].all()
    tower = model.audio_model.audio_encoder
    together = read_states(tower(**inputs, output_hidden_states=True))
    alone = read_states(tower(inputs["input_values"][:1], output_hidden_states=True))
    for layer in range(LAYERS + 1):
        network = make(folder, "audio", layer=layer).network
        assert network(batch).shape == (2, -(-samples * 3 // AUDIO_HOP), 32)
        note(deviations, "audio", network(batch), together[layer])
        note(deviations, "audio", network(batch[:1]), alone[layer])


@pytest.mark.parametrize("frames", [1, FRAMES_AT_ONCE - 3])
@torch.inference_mode()
def test_tokens_of_faces_are_transformers_hidden_states(folder: Path, deviations: dict[str, float], frames: int):
    model, recipe = load(folder), AutoVideoProcessor.from_pretrained(folder)
    batch = faces(SIDE, frames)
    inputs = recipe(list(batch.permute(0, 1, 4, 2, 3)), return_tensors="pt")
    tower = model.video_model.video_encoder
    together = read_states(tower(**inputs, output_hidden_states=True))
    alone = read_states(tower(inputs["pixel_values_videos"][:1], output_hidden_states=True))
    for layer in range(LAYERS + 1):
        encoder = make(folder, "image", layer=layer)
        note(deviations, "video", encoder.encode(batch), together[layer])
        note(deviations, "video", encoder.encode(batch[:1]), alone[layer])


@torch.inference_mode()
def test_the_default_layer_is_what_the_joint_network_reads(folder: Path):
    model = load(folder)
    sound, video = make(folder, "audio"), make(folder, "image")
    assert sound.spec.layer == video.spec.layer == LAYERS
    inputs = sound.network.prepare(waves(16_000)), video.network.prepare(faces(SIDE))
    found = model.audio_video_encoder(*inputs)
    torch.testing.assert_close(sound.network(waves(16_000)), found.audio_model_output.last_hidden_state, **ROUNDING)
    torch.testing.assert_close(video.encode(faces(SIDE)), found.video_model_output.last_hidden_state, **ROUNDING)


def test_frames_see_each_other(folder: Path):
    encoder, batch = make(folder, "image"), faces(SIDE)
    other = batch.clone()
    other[:, 4] = 0
    assert (encoder.encode(batch)[:, 0] - encoder.encode(other)[:, 0]).abs().max() > 1e-3


@pytest.mark.parametrize("side", [SIDE, 20, 75])
def test_faces_are_prepared_as_the_processor_does(folder: Path, side: int):
    recipe = AutoVideoProcessor.from_pretrained(folder)
    prepare = make(folder, "image").network.prepare
    assert isinstance(prepare, PreparedFaces)
    theirs = recipe(list(faces(side).permute(0, 1, 4, 2, 3)), return_tensors="pt")["pixel_values_videos"]
    assert (prepare(faces(side)) - theirs).abs().max() < (1e-5 if side == SIDE else 1.51 / 255 / 0.5)


def test_several_layers_come_from_one_pass(folder: Path):
    batches = {"image": faces(SIDE), "audio": waves(8_000)}
    for side, batch in batches.items():
        alone = [make(folder, side, layer=layer).encode(batch) for layer in (1, 3)]
        both = make(folder, side, layer=(1, 3))
        for ours, single in zip(both.encode_layers(batch, [(1,), (3,)]), alone, strict=True):
            torch.testing.assert_close(ours, single, **ROUNDING)
        torch.testing.assert_close(both.encode(batch), torch.stack(alone).mean(dim=0), **ROUNDING)
        with pytest.raises(UsageError, match="layer is from 0 to 3"):
            make(folder, side, layer=4)


def test_what_differs_from_the_model_is_in_the_spec(folder: Path):
    assert make(folder, "audio").spec.normalisation == "none, 16000 Hz resampled to 48000 Hz"
    said = make(folder, "image").spec.normalisation
    assert said.startswith(f"size {SIDE}, mean 0.5 0.5 0.5, std 0.5 0.5 0.5, interpolation bilinear")
    assert said.endswith("the face crops of a clip in place of the frames of a video")


def test_recipes_are_read_from_one_file_too(folder: Path, copy: Path):
    parts = {"feature_extractor": SOUND, "video_processor": FRAMES}
    joined = {part: json.loads((copy / name).read_text()) for part, name in parts.items()}
    for name in parts.values():
        (copy / name).unlink()
    (copy / "processor_config.json").write_text(json.dumps(joined))
    for side in ("image", "audio"):
        assert make(copy, side).spec.normalisation == make(folder, side).spec.normalisation


@pytest.mark.parametrize(
    ("side", "file", "change", "said"),
    [
        ("image", FRAMES, {"do_normalize": None}, "without do_normalize"),
        ("image", FRAMES, {"resample": 1}, "resample 1"),
        ("image", FRAMES, {"image_mean": [0.5]}, "image_mean"),
        ("audio", SOUND, {"feature_size": 2}, "feature_size 2"),
        ("audio", SOUND, {"hop_length": None}, "not the preparation of audio"),
    ],
)
def test_another_recipe_is_refused(copy: Path, side: str, file: str, change: dict[str, Any], said: str):
    (copy / file).write_text(json.dumps(json.loads((copy / file).read_text()) | change))
    with pytest.raises(MissingInput, match=said):
        make(copy, side)
    (copy / file).unlink()
    with pytest.raises(MissingInput, match="no feature extractor" if side == "audio" else "no video processor"):
        make(copy, side)


def test_a_folder_of_another_type_is_refused(models: dict[str, Path]):
    with pytest.raises(MissingInput, match="model_type 'hubert'") as refused:
        make(models["hubert group"], "audio")
    assert refused.value.hint.startswith("ssl:<weights> reads it")
    assert refused.value.exit_code == 4


@pytest.mark.parametrize(
    ("side", "tower", "lost"),
    [
        ("image", "video_model.video_encoder.", "embedder.vision_model.timm_model.blocks.0.attn.qkv.weight"),
        ("image", "video_model.video_encoder.", "layers.2.mlp.up_proj.weight"),
        ("audio", "audio_model.audio_encoder.", "embedder.dac_encoder.block.1.conv1.bias"),
        ("audio", "audio_model.audio_encoder.", "output.weight"),
    ],
)
def test_a_missing_and_an_unused_tensor_are_named(copy: Path, side: str, tower: str, lost: str):
    whole = load_file(copy / TENSORS)
    other = "audio" if side == "image" else "image"
    save_file({name: values for name, values in whole.items() if name != tower + lost}, copy / TENSORS)
    with pytest.raises(MissingInput, match=f"has no {lost}"):
        check_weights(make(copy, side))
    check_weights(make(copy, other))
    save_file(whole | {f"{tower}adapter.weight": torch.zeros(1)}, copy / TENSORS)
    with pytest.raises(MissingInput, match=r"too much: adapter\.weight"):
        make(copy, side).network  # noqa: B018 (loads it)
    save_file(whole, copy / TENSORS)
    check_weights(make(copy, side))


def test_a_tower_that_is_there_twice_is_read_once(folder: Path, copy: Path):
    """As a checkpoint has it that was saved without regard to tied weights."""
    whole, start = load_file(copy / TENSORS), "audio_model.audio_encoder."
    twin = {
        f"audio_video_encoder.embedder.audio_encoder.{name.removeprefix(start)}": values.clone()
        for name, values in whole.items()
        if name.startswith(start)
    }
    save_file(whole | twin, copy / TENSORS)
    wave = waves(8_000)
    torch.testing.assert_close(make(copy, "audio").encode(wave), make(folder, "audio").encode(wave), rtol=0, atol=0)
    twin["audio_video_encoder.embedder.audio_encoder.output.weight"] += 1
    save_file(whole | twin, copy / TENSORS)
    with pytest.raises(MissingInput, match=r"has 2 tensors embedder\.dac_encoder\.conv1\.weight"):
        make(copy, "audio").network  # noqa: B018 (loads it)
