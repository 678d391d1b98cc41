"""One suite over every encoder (`encoder_members.MEMBERS`)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from encoder_members import (
    ABSENT,
    APART,
    DOCUMENTED,
    GUIDE,
    HERE,
    LOCAL,
    LONG_TEXT,
    MEMBERS,
    Member,
    documented,
    member,
)
from guides import code_blocks

from unmask.cache.encoders import ENCODERS
from unmask.cache.encoders.audio_base import count_tokens
from unmask.cache.spec import TOKEN_WIDTH, EncoderSpec
from unmask.core.errors import UsageError
from unmask.preprocess.profiles import PROFILES

NEED_NO_DOWNLOAD = {
    *("efficientnet_lite0", "lfcc", "whisper_tiny", "minilm", "metadata"),
    *("tiny_image", "tiny_audio", "tiny_text"),
}
SETTINGS: dict[str, Any] = {"layer": 1, "grid": 2, "tokens_per_second": 9.0}
OF_MODALITY = {
    "image": {"layer", "grid"},
    "audio": {"layer", "tokens_per_second"},
    "text": set(),
    "metadata": set(),
}
OF_STAGES = {"efficientnet_lite0", "resnet50", "timm-test_resnet"}
WITHOUT_LAYERS = {"lfcc", DOCUMENTED}


@pytest.fixture(scope="module", autouse=True)
def document() -> Iterator[None]:
    with documented():
        yield


@pytest.fixture(scope="module", params=MEMBERS)
def one(request: pytest.FixtureRequest, local_models: dict[str, str]) -> Member:
    return member(request.param, local_models)


@pytest.mark.parametrize("name", sorted(set(ENCODERS) - APART))
def test_every_encoder_is_in_the_suite_below(name: str):
    if name in ABSENT:
        tested = "a small local model is tested instead" if name in LOCAL else "not tested"
        pytest.skip(f"{name}: its own weights are not on this machine; {tested}")
    assert name in MEMBERS


def test_the_suite_has_all_members():
    assert set(HERE) >= NEED_NO_DOWNLOAD
    assert len(HERE) + len(ABSENT) == len(ENCODERS) - 1 - len(APART) == 14, "all of the registry but the documented one"
    assert set(ABSENT) <= set(LOCAL), "an encoder whose weights must be fetched is tested with a small model"
    assert len(MEMBERS) == len(HERE) + len(LOCAL) + 1 >= 17


def test_every_entry_names_a_function():
    assert all(callable(entry.load_maker()) for entry in ENCODERS.values())


def test_the_registry_is_read_without_torch():
    program = (
        "import sys, unmask.cache.weights.resolve as weights; weights.list_weights(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_profiles_name_encoders_of_the_registry_and_none_reads_metadata():
    named = {choice.name for make in PROFILES.values() for choice in make().encoders}
    assert named <= set(ENCODERS)
    assert "metadata" not in named, "the facts of a file carry shortcuts: only who asks for them gets them"


def test_the_guide_adds_one_file_and_one_line():
    file, line = code_blocks(GUIDE)
    assert file.startswith('"""')
    assert line.strip().count("\n") == 0


def test_the_spec_says_everything_and_survives_json(one: Member):
    spec = one.spec
    assert EncoderSpec(**json.loads(json.dumps(spec.as_json()))) == spec
    assert all((spec.weights, spec.weights_hash, spec.pooling, spec.normalisation))
    assert re.fullmatch(r"[a-z0-9_.-]+", spec.name), "safe in a file name"
    assert (spec.tokens_per_frame is not None) == (spec.modality == "image")
    assert (spec.tokens_per_second is not None) == (spec.modality == "audio")
    assert spec.width == TOKEN_WIDTH
    assert replace(spec, projection="native").width == spec.native_dim


def test_every_field_of_the_spec_but_the_place_of_its_weights_is_part_of_the_key(one: Member):
    spec = one.spec
    for entry in fields(EncoderSpec):
        other = {"layer": (1, 17), "native_dim": 7, "version": 99, "tokens_per_frame": 81, "tokens_per_second": 0.5}
        changed = replace(spec, **{entry.name: other.get(entry.name, "other")})
        assert (changed.fingerprint("media") != spec.fingerprint("media")) == (entry.name != "weights"), entry.name
    assert spec.fingerprint("media") != spec.fingerprint("other media")


@pytest.mark.parametrize("change", [{"projection": "native"}, {"projection": "pca"}, {"precision": "float32"}])
def test_every_encoder_has_a_projection_and_a_precision(one: Member, change: dict[str, str]):
    changed = one.make(**change).spec
    assert changed == replace(one.spec, **change)


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_changes_the_key_and_the_tokens_or_is_refused(one: Member, setting: str):
    if setting not in OF_MODALITY[one.spec.modality] or (setting == "layer" and one.spec.name in WITHOUT_LAYERS):
        with pytest.raises(UsageError, match=f"no setting {setting}"):
            one.make(**{setting: SETTINGS[setting]})
        return
    value = 0 if one.spec.layer == SETTINGS[setting] else SETTINGS[setting]
    changed = one.make(**{setting: value})
    assert changed.spec.fingerprint("media") != one.spec.fingerprint("media")
    before, after = one.encoder.encode(one.inputs()), changed.encode(one.inputs())
    assert before.shape != after.shape or (before - after).abs().max() > 1e-3


def test_of_several_layers_the_tokens_are_the_mean_or_they_are_refused(one: Member):
    if "layer" not in OF_MODALITY[one.spec.modality] or one.spec.name in WITHOUT_LAYERS:
        return
    if one.spec.name in OF_STAGES:
        with pytest.raises(UsageError, match="different shapes"):
            one.make(layer=[2, 1])
        return
    both = one.make(layer=[2, 1])
    assert both.spec.layer == (1, 2), "sorted"
    assert both.spec == one.make(layer=[1, 2]).spec
    first, second = (one.make(layer=layer).encode(one.inputs()) for layer in (1, 2))
    torch.testing.assert_close(both.encode(one.inputs()), (first + second) / 2, rtol=1e-4, atol=1e-4)
    assert one.make(layer=[2]).spec == one.make(layer=2).spec


@pytest.mark.parametrize("layer", [[], [1, 1], 99, [1, 99], -1])
def test_layers_that_are_not_there_are_refused(one: Member, layer: Any):
    with pytest.raises(UsageError):
        one.make(layer=layer)


def test_tokens_have_the_shape_the_spec_promises(one: Member):
    spec, batch = one.spec, one.inputs()
    tokens = one.encoder.encode(batch)
    expected = {"image": spec.tokens_per_frame, "audio": round(1.5 * (spec.tokens_per_second or 0))}
    assert tokens.shape == (3, expected.get(spec.modality, 1), spec.native_dim)
    assert tokens.dtype == torch.float32


@pytest.mark.parametrize("samples", [1, 900, 16_001, 40_000])
def test_audio_of_any_length_has_the_tokens_of_its_seconds(one: Member, samples: int):
    if one.spec.modality == "audio":
        tokens = one.encoder.encode(torch.rand(1, samples) - 0.5)
        assert tokens.shape[1] == count_tokens(samples, one.spec.tokens_per_second or 0)


@pytest.mark.parametrize("size", [64, 224])
def test_images_of_any_size_have_the_same_number_of_tokens(one: Member, size: int):
    if one.spec.modality == "image":
        tokens = one.encoder.encode(torch.zeros(1, size, size, 3, dtype=torch.uint8))
        assert tokens.shape[1] == one.spec.tokens_per_frame


def test_tokens_are_finite_and_within_float16(one: Member):
    tokens = one.encoder.encode(one.inputs())
    assert torch.isfinite(tokens.half()).all()
    assert tokens.norm(dim=2).max() < 1000, "a projection may add a whole vector up in one number"


def test_different_inputs_get_different_tokens(one: Member):
    tokens = one.encoder.encode(one.inputs())
    assert (tokens[0] - tokens[1]).abs().max() > 1e-4


def test_a_clip_gets_the_same_tokens_alone_and_in_a_batch(one: Member):
    batch = one.inputs()
    together = one.encoder.encode(batch)
    for number in range(3):
        alone = one.encoder.encode(batch[number : number + 1])
        torch.testing.assert_close(alone, together[number : number + 1], rtol=1e-4, atol=1e-4)


def test_a_text_is_the_same_padded_or_not(one: Member):
    if one.spec.modality == "text":
        padded = one.encoder.encode(["hello world", LONG_TEXT])[:1]
        torch.testing.assert_close(one.encoder.encode(["hello world"]), padded, rtol=1e-4, atol=1e-5)


def test_an_input_that_is_not_finite_neither_crashes_nor_touches_its_neighbours(one: Member):
    good, odd = one.encoder.encode(one.inputs()), one.encoder.encode(one.odd_inputs())
    assert odd.shape == good.shape
    torch.testing.assert_close(odd[[0, 2]], good[[0, 2]], rtol=1e-4, atol=1e-4)


def test_a_second_load_gives_the_same_tokens_and_leaves_the_random_state_alone(one: Member):
    torch.manual_seed(12345)
    before = torch.get_rng_state()
    again = one.make()
    tokens = again.encode(one.inputs())
    assert torch.equal(before, torch.get_rng_state())
    assert again.spec == one.spec
    torch.testing.assert_close(tokens, one.encoder.encode(one.inputs()), rtol=0, atol=0)


def test_no_gradient_is_kept(one: Member):
    assert not one.encoder.encode(one.inputs()).requires_grad
    parts = [part for value in vars(one.encoder).values() for part in (value if isinstance(value, tuple) else [value])]
    networks = [part for part in parts if isinstance(part, torch.nn.Module)]
    assert networks or one.spec.modality == "metadata"
    assert not any(parameter.requires_grad for network in networks for parameter in network.parameters())
