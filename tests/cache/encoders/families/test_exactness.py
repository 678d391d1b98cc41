"""Tokens before pooling are the library's own hidden states, alone and in a batch that the library has to pad.

`pytest -s` prints the largest deviation of each family: the table of docs/encoders.md.
"""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import transformers
from PIL import Image
from small_models import AUDIO_VISUAL, CLASSLESS, LAYERS, MASKED, SIDE, SPEECH, TOWERS
from timm.models import save_for_hf
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoImageProcessor,
    AutoModel,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperModel,
)

from unmask.cache.encoders import make_encoder
from unmask.cache.encoders.audio_base import AudioEncoder
from unmask.cache.encoders.image_base import ImageEncoder
from unmask.preprocess.profiles import EncoderChoice

CPU = torch.device("cpu")
ROUNDING = {"rtol": 1e-4, "atol": 2e-5}
"""Of float32, after a few layers and in another order."""


def waves(*samples: int) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(5)
    return [torch.rand(count, generator=random) - 0.5 for count in samples]


def faces(side: int, count: int = 2) -> torch.Tensor:
    return torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(6))


def audio(folder: Path, **settings: Any) -> AudioEncoder:
    made = make_encoder(EncoderChoice(name=f"ssl:{folder}", **settings), CPU)
    assert isinstance(made, AudioEncoder)
    return made


def image(folder: Path, **settings: Any) -> ImageEncoder:
    made = make_encoder(EncoderChoice(name=f"clip:{folder}", **settings), CPU)
    assert isinstance(made, ImageEncoder)
    return made


def load(folder: Path) -> Any:
    """The network without a head, by the library."""
    model = AutoModel.from_pretrained(folder).eval()
    return model.vision_model if hasattr(model, "vision_model") else model


def note(deviations: dict[str, float], kind: str, ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, **ROUNDING)
    deviations[kind] = max(deviations.get(kind, 0.0), float((ours - theirs).abs().max()))


@pytest.mark.parametrize("kind", SPEECH)
@torch.inference_mode()
def test_frames_are_transformers_hidden_states_alone_and_padded(
    models: dict[str, Path], deviations: dict[str, float], kind: str
):
    recipe, model = AutoFeatureExtractor.from_pretrained(models[kind]), load(models[kind])
    clips = waves(16_000, 9_001, 5_300)
    batches = [recipe([clip.numpy()], sampling_rate=16_000, return_tensors="pt") for clip in clips]
    theirs = [(model(**batch, output_hidden_states=True), 0) for batch in batches]
    if kind in MASKED:  # without a mask, silence after a short clip changes the tokens of that clip
        padded = recipe([clip.numpy() for clip in clips], sampling_rate=16_000, return_tensors="pt", padding=True)
        assert "attention_mask" in padded
        states = model(**padded, output_hidden_states=True)
        theirs += [(states, row) for row in range(len(clips))]
    for layer in range(LAYERS + 1):
        network = audio(models[kind], layer=layer).network
        for (found, row), clip in zip(theirs, [*clips, *clips], strict=False):
            expected = found.hidden_states[layer] if layer < LAYERS else found.last_hidden_state
            ours = network(clip[None])[0]
            assert len(ours) >= (len(clip) - 400) // 320 - 1, "no frame of a clip is missing"
            note(deviations, kind, ours, expected[row, : len(ours)])


@pytest.mark.parametrize("kind", SPEECH)
def test_a_batch_of_equal_clips_gives_each_its_own_tokens(models: dict[str, Path], kind: str):
    encoder = audio(models[kind], layer=[1, 3], tokens_per_second=10)
    batch = torch.stack(waves(8_000, 8_000))
    alone = torch.cat([encoder.encode(batch[:1]), encoder.encode(batch[1:])])
    torch.testing.assert_close(encoder.encode(batch), alone, **ROUNDING)


@pytest.mark.parametrize("layer", [None, 1, 2, 3])
@pytest.mark.parametrize("kind", TOWERS)
@torch.inference_mode()
def test_patches_and_class_token_are_transformers_hidden_states(
    models: dict[str, Path], deviations: dict[str, float], kind: str, layer: int | None
):
    encoder, model = image(models[kind], layer=layer, grid=4), load(models[kind])
    found = model(pixel_values=encoder._prepare(faces(SIDE)), output_hidden_states=True)
    if layer is not None:
        states = found.hidden_states[layer]
    else:  # CLIP's own last_hidden_state is before the norm that its pooled output has
        states = found.last_hidden_state if "clip" not in kind else model.post_layernorm(found.last_hidden_state)
    note(deviations, kind, encoder.encode(faces(SIDE)), states[:, -16:])
    if kind in CLASSLESS:
        return
    token = image(models[kind], layer=layer, pooling="cls").encode(faces(SIDE))[:, 0]
    note(deviations, kind, token, states[:, 0])
    if layer is None:
        note(deviations, kind, token, found.pooler_output)


@pytest.mark.parametrize("side", [SIDE, 20, 75])
@pytest.mark.parametrize("kind", TOWERS)
def test_images_are_prepared_as_the_processor_does(models: dict[str, Path], kind: str, side: int):
    """To whole levels, which some processors round to after resizing; but for the crop, which is left out."""
    processor, encoder = AutoImageProcessor.from_pretrained(models[kind]), image(models[kind])
    ours = encoder._prepare(faces(side))
    cuts = kind.startswith("dinov2")
    whole = {"size": {"height": SIDE, "width": SIDE}} if cuts else {}
    theirs = processor(images=list(faces(side)), return_tensors="pt", **whole).pixel_values
    level = 1 / 255 / min(encoder._images.std)
    assert (ours - theirs).abs().max() < (1e-5 if side == SIDE else 1.51 * level)
    assert ("whole image (its processor cuts 32 of 40)" in encoder.spec.normalisation) == cuts
    if cuts:  # the deviation that was chosen: a border of a tenth on each side stays in the image
        cropped = processor(images=list(faces(side)), return_tensors="pt").pixel_values
        assert cropped.shape == ours.shape
        assert (ours - cropped).abs().max() > 10 * level


@torch.inference_mode()
def test_whisper_frames_of_a_whole_window_are_transformers_hidden_states(tmp_path: Path, deviations: dict[str, float]):
    sizes = {"d_model": 32, "encoder_layers": 3, "decoder_layers": 1, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "vocab_size": 60}
    config = WhisperConfig(**sizes, **heads, pad_token_id=0, bos_token_id=1, eos_token_id=2)
    WhisperModel(config).save_pretrained(tmp_path)
    (wave,) = waves(30 * 16_000)
    features = WhisperFeatureExtractor()(wave.numpy(), sampling_rate=16_000, return_tensors="pt").input_features
    found = WhisperModel.from_pretrained(tmp_path).eval().encoder(features, output_hidden_states=True)
    for layer in range(4):
        encoder = make_encoder(EncoderChoice(name=f"whisper:{tmp_path}", layer=layer), CPU)
        assert isinstance(encoder, AudioEncoder)
        expected = found.hidden_states[layer] if layer < 3 else found.last_hidden_state
        note(deviations, "whisper", encoder.network(wave[None]), expected)


@pytest.mark.parametrize("side", [160, 112, 200])
def test_images_are_prepared_as_timm_does_but_for_the_crop(tmp_path: Path, side: int):
    network = timm.create_model("test_vit", num_classes=0)
    save_for_hf(network, tmp_path, safe_serialization=True)
    encoder = make_encoder(EncoderChoice(name="timm:test_vit", weights=str(tmp_path)), CPU)
    assert isinstance(encoder, ImageEncoder)
    about = timm.data.resolve_model_data_config(network)
    pictures = [Image.fromarray(face.numpy()) for face in faces(side)]
    whole, cropped = (
        torch.stack([timm.data.create_transform(**about | {"crop_pct": share})(one) for one in pictures])
        for share in (1.0, 0.8)
    )
    ours, level = encoder._prepare(faces(side)), 1 / 255 / min(about["std"])
    assert (ours - whole).abs().max() < (1e-5 if side == 160 else 1.51 * level)
    assert (ours - cropped).abs().max() > 10 * level, "a border that timm would cut off stays in the image"


@torch.inference_mode()
def test_a_tower_takes_images_of_another_size_as_transformers_does(models: dict[str, Path], tmp_path: Path):
    processor = transformers.CLIPImageProcessor(size={"shortest_edge": 48}, crop_size={"height": 48, "width": 48})
    model = AutoModel.from_pretrained(models["clip_vision_model"]).eval()
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    encoder = image(tmp_path, layer=3, grid=6)
    found = model(encoder._prepare(faces(48)), output_hidden_states=True, interpolate_pos_encoding=True)
    torch.testing.assert_close(encoder.encode(faces(48)), found.hidden_states[3][:, 1:], **ROUNDING)


def test_every_family_of_the_table_is_compared():
    from unmask.cache.encoders.families.table import FAMILIES

    compared = {kind.partition(" ")[0] for kind in (*SPEECH, *TOWERS)}
    assert compared | set(AUDIO_VISUAL) == set(FAMILIES), "test_audio_visual.py compares the towers of the latter"


def test_the_table_names_the_configuration_that_the_library_has():
    from unmask.cache.encoders.families.table import FAMILIES

    for name, family in FAMILIES.items():
        config = AutoConfig.for_model(name)
        assert type(config) is family.load_class(family.config)
        for tower in family.sides.values():
            assert type(attrgetter(str(tower.part))(config)) is family.load_class(tower.config)
