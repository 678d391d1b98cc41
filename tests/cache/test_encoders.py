"""One suite over every encoder: with its own weights where they are on this machine, and the hub's families also with
small random models saved as local folders."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from cache.encoders import ENCODERS, make_encoder
from cache.spec import Encoder
from cache.weights import SOURCES, find_weights, needs_weights
from core.errors import MissingInput, UsageError
from preprocess.profiles import PROFILES, EncoderChoice

CPU = torch.device("cpu")
HUB_FAMILIES = ("vit_b16", "resnet50", "wav2vec2_base", "wav2vec2_large", "sbert")
LONG_TEXT = "a few more words, hello world " * 40

SHIPPED = tuple(name for name, source in SOURCES.items() if source is None or source.package)


def on_this_machine(name: str) -> bool:
    return not needs_weights(name) or find_weights(name) is not None


HERE = [name for name in ENCODERS if on_this_machine(name)]
MEMBERS = [*HERE, *(f"{name} (local)" for name in HUB_FAMILIES)]


@pytest.fixture(scope="session", params=MEMBERS)
def encoder(request: pytest.FixtureRequest, local_models: dict[str, str]) -> Encoder:
    name, _, local = request.param.partition(" ")
    if local:
        return make_encoder(EncoderChoice(name=name, weights=local_models[name]), CPU)
    return make_encoder(EncoderChoice(name=name), CPU)


def inputs(encoder: Encoder, count: int = 3) -> Any:
    """`count` different inputs of equal length."""
    random = torch.Generator().manual_seed(7)
    if encoder.spec.modality == "image":
        return torch.randint(0, 256, (count, 96, 96, 3), dtype=torch.uint8, generator=random)
    if encoder.spec.modality == "audio":
        return torch.rand(count, 24_000, generator=random) - 0.5
    return ["hello", "hello world", LONG_TEXT][:count]


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_is_in_the_suite_below(name: str):
    if not on_this_machine(name):
        pytest.skip(f"{name}: its own weights are not on this machine, only a small local model is tested")
    assert name in MEMBERS


def test_the_suite_has_all_members_that_need_no_download():
    assert set(MEMBERS) >= {*SHIPPED, *(f"{name} (local)" for name in HUB_FAMILIES)}
    assert len(SHIPPED) == 7
    assert len(MEMBERS) >= 12


def test_the_registry_knows_where_all_weights_come_from():
    assert set(SOURCES) == set(ENCODERS)


def test_profiles_name_encoders_of_the_registry():
    named = {choice.name for make in PROFILES.values() for choice in make().encoders}
    assert named <= set(ENCODERS)


def test_tokens_have_the_shape_the_spec_promises(encoder: Encoder):
    spec, batch = encoder.spec, inputs(encoder)
    tokens = encoder.encode(batch)
    expected = {"image": spec.tokens_per_frame, "audio": round(1.5 * (spec.tokens_per_second or 0)), "text": 1}
    assert tokens.shape == (3, expected[spec.modality], spec.native_dim)
    assert tokens.dtype == torch.float32


def test_tokens_are_finite_and_within_float16(encoder: Encoder):
    tokens = encoder.encode(inputs(encoder))
    assert torch.isfinite(tokens.half()).all()
    assert tokens.norm(dim=2).max() < 1000, "a projection may add a whole vector up in one number"


def test_different_inputs_get_different_tokens(encoder: Encoder):
    one, other, _ = encoder.encode(inputs(encoder))
    assert (one - other).abs().max() > 1e-4


def test_a_clip_gets_the_same_tokens_alone_and_in_a_batch(encoder: Encoder):
    batch = inputs(encoder)
    together = encoder.encode(batch)
    for number in range(3):
        alone = encoder.encode(batch[number : number + 1])
        torch.testing.assert_close(alone, together[number : number + 1], rtol=1e-4, atol=1e-4)


def test_the_same_input_gets_the_same_tokens_again(encoder: Encoder):
    torch.testing.assert_close(encoder.encode(inputs(encoder)), encoder.encode(inputs(encoder)), rtol=0, atol=0)


def test_a_second_encoder_of_the_same_spec_gives_the_same_tokens(encoder: Encoder, local_models: dict[str, str]):
    given = local_models.get(encoder.spec.name) if encoder.spec.weights.startswith("local") else None
    torch.manual_seed(12345)
    again = make_encoder(EncoderChoice(name=encoder.spec.name, weights=given), CPU)
    assert again.spec == encoder.spec
    torch.testing.assert_close(again.encode(inputs(encoder)), encoder.encode(inputs(encoder)), rtol=0, atol=0)


def test_making_an_encoder_leaves_the_random_state_alone(encoder: Encoder, local_models: dict[str, str]):
    given = local_models.get(encoder.spec.name) if encoder.spec.weights.startswith("local") else None
    before = torch.get_rng_state()
    make_encoder(EncoderChoice(name=encoder.spec.name, weights=given), CPU).encode(inputs(encoder, 1))
    assert torch.equal(before, torch.get_rng_state())


def test_no_gradient_is_kept(encoder: Encoder):
    assert not encoder.encode(inputs(encoder)).requires_grad


CHANGES: dict[str, dict[str, Any]] = {
    "grid": {"grid": 2},
    "image layer": {"layer": 1},
    "rate": {"tokens_per_second": 10.0},
    "audio layer": {"layer": 0},
}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("tiny_image", "grid"),
        ("tiny_image", "image layer"),
        ("efficientnet_lite0", "grid"),
        ("efficientnet_lite0", "image layer"),
        ("tiny_audio", "rate"),
        ("tiny_audio", "audio layer"),
        ("lfcc", "rate"),
        ("whisper_tiny", "rate"),
        ("whisper_tiny", "audio layer"),
    ],
)
def test_what_changes_tokens_changes_the_key(name: str, change: str):
    plain = make_encoder(EncoderChoice(name=name), CPU)
    changed = make_encoder(EncoderChoice(name=name, **CHANGES[change]), CPU)
    assert plain.spec.fingerprint("media") != changed.spec.fingerprint("media")
    before, after = plain.encode(inputs(plain)), changed.encode(inputs(changed))
    assert before.shape != after.shape or (before - after).abs().max() > 1e-3


def test_the_media_are_part_of_the_key():
    spec = make_encoder(EncoderChoice(name="lfcc"), CPU).spec
    assert spec.fingerprint("one") != spec.fingerprint("other")


def test_a_grid_averages_to_the_single_token():
    images = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    grid = make_encoder(EncoderChoice(name="tiny_image", grid=2), CPU).encode(images)
    single = make_encoder(EncoderChoice(name="tiny_image"), CPU).encode(images)
    torch.testing.assert_close(grid.mean(dim=1, keepdim=True), single, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("lfcc", {"layer": 1}),
        ("lfcc", {"weights": "x"}),
        ("minilm", {"grid": 2}),
        ("tiny_image", {"tokens_per_second": 5.0}),
        ("tiny_image", {"layer": 99}),
        ("whisper_tiny", {"layer": 5}),
        ("tiny_audio", {"tokens_per_second": 0.0}),
        ("efficientnet_lite0", {"grid": 0, "layer": 0}),
    ],
)
def test_a_setting_that_an_encoder_does_not_have_is_refused(name: str, setting: dict[str, Any]):
    with pytest.raises(UsageError):
        make_encoder(EncoderChoice(name=name, **setting), CPU)


def test_an_unknown_encoder_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="one of: efficientnet_lite0"):
        make_encoder(EncoderChoice(name="resnet51"), CPU)


def test_weights_of_another_architecture_are_refused(local_models: dict[str, str]):
    from pathlib import Path

    file = Path(local_models["resnet50"]) / "model.safetensors"
    bare = make_encoder(EncoderChoice(name="vit_b16", weights=str(file)), CPU)
    with pytest.raises(MissingInput, match="not the weights of vit_base_patch16_224"):
        bare.encode(inputs(bare, 1))


def test_a_middle_layer_of_a_local_network_is_its_own_feature_map(local_models: dict[str, str]):
    middle = make_encoder(EncoderChoice(name="resnet50", weights=local_models["resnet50"], layer=2), CPU)
    assert middle.encode(inputs(middle)).shape == (3, 1, middle.spec.native_dim)
    assert (
        middle.spec.native_dim
        < make_encoder(EncoderChoice(name="resnet50", weights=local_models["resnet50"]), CPU).spec.native_dim
    )
