"""Layers of one network: tokens in the same slots, mixed by learned weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from unmask.cache.spec import EncoderSpec
from unmask.train.config import TrainConfig
from unmask.train.data.layer_mixtures import find_mixtures
from unmask.train.data.sampler import Sampler
from unmask.train.fit import fit
from unmask.train.models.detector import Detector
from unmask.train.models.fusions import FUSIONS, MIXING_FUSIONS
from unmask.train.run_folder import load_run
from unmask.train.run_setup import build_shape
from unmask.train.scoring import score_clips

CPU = torch.device("cpu")
NAMES = ("eye", "ear", "ear_two")
LAYERS = {"ear": 1, "ear_two": 2}
MIXED = (("ear", "ear_two"),)


def build(data, names=NAMES, **settings) -> Detector:
    config = TrainConfig(size="small", **settings)
    torch.manual_seed(0)
    return Detector(
        build_shape(data, config, names, Sampler.of(data, names, np.arange(len(data.clips)), config))
    ).eval()


def test_layers_of_one_network_are_found_whatever_their_names_and_projections():
    spec = EncoderSpec(name="a", modality="audio", weights="x", weights_hash="1", native_dim=8, layer=1)
    specs = {
        "a": spec,
        "eye": replace(spec, modality="image", layer=3),
        "b": replace(spec, name="b", layer=2, projection="pca-1", native_dim=16),
        "other": replace(spec, weights_hash="2", layer=2),
        "slow": replace(spec, tokens_per_second=5.0, layer=2),
        "whole": replace(spec, layer=None),
        "again": replace(spec, name="again", layer=4),
    }
    assert find_mixtures(specs) == (("a", "b", "again"),)
    assert find_mixtures({"a": spec, "same": replace(spec, name="same")}) == (), "the same layer twice is no mixture"


def test_tokens_of_layers_share_their_slots(make_data, made_item):
    data = make_data([made_item(0, {"eye": 4, "ear": 6, "ear_two": 6}), made_item(1, {"ear": 3, "ear_two": 3})])
    batch = data.batch(np.arange(2), NAMES, device=CPU, mixtures=MIXED)
    assert batch.streams["ear"].slots.equal(batch.streams["ear_two"].slots)
    assert (batch.slots, batch.lengths.tolist(), batch.most["audio"]) == (11, [11, 4], 6)
    apart = data.batch(np.arange(2), NAMES, device=CPU)
    assert (apart.slots, apart.lengths.tolist(), apart.most["audio"]) == (17, [17, 7], 12)
    assert batch.pattern.equal(apart.pattern)
    assert (1 + data.count_slots(NAMES, np.arange(2), {}, MIXED)).tolist() == batch.lengths.tolist()
    assert (1 + data.count_slots(NAMES, np.arange(2), {})).tolist() == apart.lengths.tolist()


@pytest.mark.parametrize("fusion", FUSIONS)
def test_batches_are_planned_with_the_slots_that_a_fusion_reads(make_data, made_item, fusion):
    data = make_data([made_item(0, {"eye": 4, "ear": 6, "ear_two": 6})], layers=LAYERS)
    assert build(data, fusion=fusion).mixtures == (MIXED if fusion in MIXING_FUSIONS else ())


@pytest.mark.parametrize("fusion", ["parts", "joint", "early"])
def test_a_layer_of_the_whole_weight_is_the_encoder_alone(make_data, made_item, fusion):
    both = {"eye": 4, "ear": 6, "ear_two": 6}
    data = make_data([made_item(0, both), made_item(1, both), made_item(1, {"ear": 3, "ear_two": 3})], layers=LAYERS)
    model = build(data, fusion=fusion, linear_term=False)
    assert model.mixtures == MIXED
    alone = build(data, NAMES[:2], fusion=fusion, linear_term=False)
    assert alone.mixtures == ()
    alone.load_state_dict({name: value for name, value in model.state_dict().items() if name in alone.state_dict()})
    equal = score_clips(model, data, np.arange(3), device=CPU).fake
    with torch.no_grad():
        model.mixing.logits[0].copy_(torch.tensor([60.0, -60.0]))
    found = score_clips(model, data, np.arange(3), device=CPU).fake
    np.testing.assert_allclose(found, score_clips(alone, data, np.arange(3), device=CPU).fake, rtol=1e-4, atol=1e-5)
    assert not np.allclose(found, equal, atol=1e-4)


def test_a_clip_that_lacks_tokens_of_a_layer_is_read_from_the_others(make_data, made_item):
    data = make_data([made_item(0, {"ear": 6, "ear_two": 6}), made_item(1, {"ear": 5})], layers=LAYERS)
    names = NAMES[1:]
    model, alone = build(data, names, linear_term=False), build(data, names[:1], linear_term=False)
    batch = data.batch(np.array([1]), names, device=CPU, mixtures=MIXED)
    alone.load_state_dict({name: value for name, value in model.state_dict().items() if name in alone.state_dict()})
    expected = alone.embed(alone.standardize(batch), data.batch(np.array([1]), names[:1], device=CPU))[0]
    torch.testing.assert_close(model.embed(model.standardize(batch), batch)[0], expected)


def test_weights_are_learned_without_decay_and_kept(make_data, mixed, tmp_path: Path):
    data = make_data(mixed(60), layers=LAYERS)
    config = TrainConfig(size="small", epochs=2, batch_size=16)
    fit(data, config, tmp_path / "run", device=CPU)
    loaded = load_run(tmp_path / "run", CPU)
    assert loaded.info.shape.mixtures == MIXED
    weights = {name: weight.item() for name, weight in loaded.model.mixing.compute_weights().items()}
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["ear"] != pytest.approx(0.5, abs=1e-5)
    with torch.no_grad():
        loaded.model.mixing.logits[0].copy_(torch.tensor([0.0, 3.0]).log_softmax(0))
    assert loaded.model.describe_layers() == ["ear 5 %, ear_two 95 %"]


@pytest.mark.parametrize("settings", [{"mix_layers": False}, {"fusion": "attentive"}, {"fusion": "linear"}])
def test_layers_stand_apart_where_they_are_not_mixed(make_data, made_item, settings):
    data = make_data([made_item(0, {"eye": 4, "ear": 6, "ear_two": 6}), made_item(1, {"eye": 4})], layers=LAYERS)
    assert build(data, **settings).mixtures == ()
