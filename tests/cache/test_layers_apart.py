"""Layers of one network kept apart: a token store each, all of them from one pass."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from unmask.cache import dry_run, fill_stores
from unmask.cache.adaptation.stage import choose_encoder
from unmask.cache.encoders.families.speech import SpeechFrames
from unmask.cache.profile_choice import read_stored_profile, replace_weights, resolve_profile
from unmask.cache.stage import extract, open_tokens
from unmask.core.errors import UsageError
from unmask.core.work_folder import WorkFolder
from unmask.preprocess.profiles import EncoderChoice, Profile, offline
from unmask.train.data.layer_mixtures import find_mixtures

CPU = torch.device("cpu")
APART: dict[str, Any] = {"name": "tiny_audio", "layer": [0, 1, 2], "layers": "apart"}
NAMES = ["tiny_audio-l0", "tiny_audio-l1", "tiny_audio-l2"]


def with_encoders(media: Any, *choices: dict[str, Any]) -> Profile:
    return media.profile.changed({"encoders": list(choices)})


def run(media: Any, *choices: dict[str, Any]) -> dict[str, int]:
    """Encoder -> clips that were encoded."""
    reports = extract(media.manifest, with_encoders(media, *choices), media.work, device=CPU)
    return {report.stage.removeprefix("extract "): report.done for report in reports}


def read_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def list_shards(folder: Path) -> dict[str, bytes]:
    """Content of all token shards."""
    return {name: content for name, content in read_files(folder).items() if "shard-" in name}


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Layers that each pass of a speech network is asked for."""
    asked: list[tuple[int, ...]] = []
    compute = SpeechFrames.compute_layers

    def noted(self: SpeechFrames, wave: torch.Tensor, layers: Any) -> Any:
        asked.append(tuple(layers))
        return compute(self, wave, layers)

    monkeypatch.setattr(SpeechFrames, "compute_layers", noted)
    return asked


def test_a_profile_has_one_choice_per_layer(media: Any):
    profile = with_encoders(media, {**APART, "tokens_per_second": 10.0}, {"name": "tiny_image"})
    assert [choice.alias_or_name for choice in profile.encoders] == [*NAMES, "tiny_image"]
    assert [choice.layer for choice in profile.encoders] == [0, 1, 2, None]
    assert {choice.tokens_per_second for choice in profile.encoders[:3]} == {10.0}
    assert Profile.model_validate(json.loads(profile.model_dump_json())) == profile


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"name": "ssl:owner/some.model@main"}, ["ssl-some.model-l3", "ssl-some.model-l12"]),
        ({"name": "clip:owner/x", "as": "eye"}, ["eye-l3", "eye-l12"]),
        ({"name": "timm:convnext_tiny.fb_in1k"}, ["timm-convnext_tiny.fb_in1k-l3", "timm-convnext_tiny.fb_in1k-l12"]),
        ({"name": f"ssl:{'x' * 80}"}, [f"ssl-{'x' * 57}-l3", f"ssl-{'x' * 56}-l12"]),
    ],
)
def test_their_names_are_file_names(media: Any, settings: dict[str, Any], names: list[str]):
    profile = with_encoders(media, {**settings, "layer": [3, 12], "layers": "apart"})
    assert [choice.alias for choice in profile.encoders] == names


def test_a_choice_without_layers_apart_has_the_key_that_it_had(media: Any):
    assert "layers" not in EncoderChoice(name="tiny_audio", layer=(1, 2)).model_dump()
    said = with_encoders(media, {"name": "tiny_audio", "layer": [1, 2], "layers": "mean"})
    assert said.fingerprint() == with_encoders(media, {"name": "tiny_audio", "layer": [1, 2]}).fingerprint()


@pytest.mark.parametrize("layer", [None, 2, [2], [], [1, 1]])
def test_fewer_than_two_layers_are_refused(media: Any, layer: Any):
    with pytest.raises(UsageError, match="encoder tiny_audio: layers: apart") as refused:
        with_encoders(media, {"name": "tiny_audio", "layer": layer, "layers": "apart"})
    assert "layer: [6, 9, 12]" in refused.value.hint


@pytest.mark.parametrize(("name", "problem"), [("lfcc", "has no setting layer"), ("tiny_audio", "layer 9")])
def test_layers_that_a_network_does_not_have_are_refused(media: Any, name: str, problem: str):
    media.add("audio-1")
    with pytest.raises(UsageError, match=problem):
        run(media, {"name": name, "layer": [1, 9], "layers": "apart"})


@pytest.mark.parametrize(
    ("name", "layers", "settings"),
    [
        ("tiny_audio", [0, 1, 2], {}),
        ("tiny_image", [1, 2], {"grid": 2}),
        ("tiny_image", [2, 1], {"projection": "pca"}),
        ("tiny_image", [1, 2], {"pooling": "cls+mean", "projection": "native"}),
    ],
)
def test_the_stores_are_those_of_each_layer_alone_bit_for_bit(
    media: Any, tmp_path: Path, name: str, layers: list[int], settings: dict[str, Any]
):
    media.profile = media.profile.changed({"views": {"count": 1}})
    media.add("image-1", "audio-2", "video-3")
    media.add("video-5")
    media.rows = [replace(row, split="train") for row in media.rows]
    run(media, {"name": name, "layer": layers, "layers": "apart", **settings})
    apart = list_shards(media.work.tokens)
    (media.work.root / "tokens").rename(tmp_path / "apart")
    for layer in layers:
        run(media, {"name": name, "layer": layer, **settings})
    assert list_shards(media.work.tokens) == apart
    assert len({Path(path).parts[0] for path in apart}) == len(layers) * 2 * (2 if "pca" in settings.values() else 1)


def test_the_network_runs_once_for_all_layers(media: Any, passes: list[tuple[int, ...]]):
    media.add("audio-2", "video-3")
    run(media, APART)
    together = list(passes)
    passes.clear()
    run(media, {"name": "tiny_audio", "layer": 2, "tokens_per_second": 7.0})
    assert together == [(0, 1, 2)] * len(passes)


def test_a_mean_of_layers_comes_from_the_same_pass(media: Any, passes: list[tuple[int, ...]]):
    media.add("audio-2")
    run(media, APART, {"name": "tiny_audio", "layer": [0, 2], "as": "mean"})
    assert set(passes) == {(0, 1, 2)}
    assert open_tokens(media.work, media.manifest).stores["mean"].spec.layer == (0, 2)


def test_a_layer_that_is_stored_is_not_encoded_again(media: Any, passes: list[tuple[int, ...]]):
    media.add("audio-2")
    assert run(media, {"name": "tiny_audio", "layer": 1}) == {"tiny_audio": 2}
    passes.clear()
    assert run(media, APART) == {"tiny_audio-l0": 2, "tiny_audio-l1": 0, "tiny_audio-l2": 2}
    assert set(passes) == {(0, 2)}
    passes.clear()
    assert run(media, {"name": "tiny_audio", "layer": 2}) == {"tiny_audio": 0}
    assert not passes


def test_a_kill_between_the_layers_of_a_shard_loses_nothing(
    media: Any, monkeypatch: pytest.MonkeyPatch, passes: list[tuple[int, ...]]
):
    media.add("audio-2", "audio-4")
    media.add("video-3")
    run(media, APART)
    whole = list_shards(media.work.tokens)
    for path in sorted(media.work.tokens.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()

    write, written = fill_stores.write_store_shard, []

    def killed(job: Any, *rest: Any) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(job.stream)
        write(job, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(fill_stores, "write_store_shard", killed)
        with pytest.raises(KeyboardInterrupt):
            run(media, APART)
    assert written == NAMES[:2]
    passes.clear()
    done = run(media, APART)
    assert set(passes) == {(2,), (0, 1, 2)}, "of the shard with two finished layers, the third alone"
    assert done[NAMES[2]] > done[NAMES[0]] > 0
    assert list_shards(media.work.tokens) == whole


def test_a_clip_that_the_network_cannot_take_costs_itself_alone_in_all_layers(
    media: Any, monkeypatch: pytest.MonkeyPatch
):
    media.add("audio-2", "audio-4")
    compute = SpeechFrames.compute_layers

    def touchy(self: SpeechFrames, wave: torch.Tensor, layers: Any) -> Any:
        if len(wave) > 1 or wave.shape[1] == 9_000:
            raise ValueError("not this one")
        return compute(self, wave, layers)

    monkeypatch.setattr(SpeechFrames, "compute_layers", touchy)
    assert run(media, APART) == dict.fromkeys(NAMES, 2)
    stores = open_tokens(media.work, media.manifest).stores
    assert {tuple(store.lengths.tolist()) for store in stores.values()} == {(5, 0, 5, 0)}


def test_they_are_layers_that_a_model_mixes(media: Any):
    media.add("video-3")
    run(media, APART, {"name": "tiny_image", "layer": [1, 2], "layers": "apart", "as": "eye"})
    stores = open_tokens(media.work, media.manifest).stores
    mixed = find_mixtures({name: store.spec for name, store in stores.items()})
    assert set(mixed) == {tuple(NAMES), ("eye-l1", "eye-l2")}


def test_one_name_replaces_the_weights_of_all_layers(media: Any):
    profile = with_encoders(media, {**APART, "name": "wav2vec2_base"}, {**APART, "name": "ssl:owner/x", "as": "ear"})
    changed = replace_weights(profile, {"wav2vec2_base": "owner/a", "ear": "owner/b", "ear-l1": "owner/c"})
    given = [choice.weights for choice in changed.encoders]
    assert given == ["owner/a"] * 3 + ["owner/b", "owner/c", "owner/b"]
    with pytest.raises(UsageError, match="no encoder 'ears'"):
        replace_weights(profile, {"ears": "owner/a"})


def test_an_encoder_with_layers_apart_is_adapted_by_their_mean(media: Any):
    profile = with_encoders(media, {**APART, "as": "ear"})
    assert choose_encoder(profile, "ear") == EncoderChoice(name="tiny_audio", layer=(0, 1, 2))
    assert choose_encoder(profile, "ear-l1").layer == 1
    assert choose_encoder(profile, "tiny_audio") == EncoderChoice(name="tiny_audio")


def test_stages_of_a_convolutional_network_are_adapted_by_the_deepest():
    assert choose_encoder(offline(), "efficientnet_lite0") == EncoderChoice(name="efficientnet_lite0", layer=5)


def test_a_settings_file_says_it_and_later_calls_know_it(tmp_path: Path):
    path = tmp_path / "encoders.yaml"
    path.write_text("encoders:\n  - {name: tiny_audio, layer: [0, 1, 2], layers: apart}\n")
    work = WorkFolder(tmp_path / "work")
    chosen = resolve_profile(work, "tiny", path, [], print)
    assert [choice.alias for choice in chosen.encoders] == NAMES
    assert read_stored_profile(work) == chosen == resolve_profile(work, None, None, [], print)


def test_a_dry_run_counts_a_pass_once(media: Any, monkeypatch: pytest.MonkeyPatch):
    media.add("audio-2", "video-3")
    monkeypatch.setattr(dry_run, "_measure_seconds_per_token", lambda jobs, *_: 3.0)
    found = dry_run.estimate(media.manifest, with_encoders(media, APART), media.work, device=CPU)
    assert [one.tokens for one in found.streams] == [18] * 3
    assert [one.seconds for one in found.streams] == [18.0] * 3, "a third each of 18 tokens of 3 s"


OWN = """
import torch
from unmask.cache.spec import EncoderSpec

class Powers:
    def __init__(self, choice, spec):
        self.choice, self.spec = choice, spec

    def encode(self, batch):
        tokens = max(1, round(batch.shape[1] / 16000 * 5))
        power = batch.abs().mean(dim=1) ** self.choice.layer
        return power[:, None, None].expand(len(batch), tokens, 1)

def make(choice, device, layer=None):
    return Powers(choice, EncoderSpec(name="x", modality="audio", weights="none", weights_hash="0" * 16,
                                      native_dim=1, layer=layer, tokens_per_second=5.0))

def with_layers(choice, device):
    return make(choice, device, choice.layer)
"""


@pytest.fixture
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "own_powers.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("own_powers", None)


def test_an_own_encoder_whose_spec_has_no_layer_is_refused(media: Any, own_file: None):
    media.add("audio-1")
    with pytest.raises(UsageError, match="its spec has no `layer`"):
        run(media, {"name": "own_powers:make", "layer": [1, 2], "layers": "apart"})


def test_an_own_encoder_without_a_common_pass_runs_once_per_layer(media: Any, own_file: None):
    media.add("audio-1")
    run(media, {"name": "own_powers:with_layers", "layer": [1, 2], "layers": "apart", "projection": "native"})
    one, two = (store.load()[0].astype(float) for store in open_tokens(media.work, media.manifest).stores.values())
    assert abs(one**2 - two).max() < 1e-3 * two.max()
