"""Tokens are standardized by the statistics of the training clips, which are part of the weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from unmask.train.config import TrainConfig
from unmask.train.data import token_statistics
from unmask.train.data.token_statistics import measure_tokens
from unmask.train.fit import fit
from unmask.train.models.standardize import LIMIT, Adapter, Standardize
from unmask.train.run_folder import load_run

CPU = torch.device("cpu")
QUICK = TrainConfig(epochs=2, batch_size=8, size="small")


def test_an_adapter_is_a_layer_norm_and_a_linear_map():
    torch.manual_seed(0)
    adapter, plain = Adapter(8, 4), torch.nn.Sequential(torch.nn.LayerNorm(8), torch.nn.Linear(8, 4))
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.normal_()
    plain.load_state_dict(adapter.state_dict())
    tokens_ND = torch.randn(50, 8) * 3 + 1
    for module in (adapter, plain):
        module(tokens_ND).square().sum().backward()
    torch.testing.assert_close(adapter(tokens_ND), plain(tokens_ND))
    for (name, mine), theirs in zip(adapter.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, msg=name, rtol=1e-4, atol=1e-4)


def test_each_feature_gets_mean_0_and_deviation_1():
    tokens = torch.randn(5000, 8) * torch.logspace(-1, 2, 8) + torch.linspace(-50, 50, 8)
    layer = Standardize(8)
    layer.fit(tokens.mean(dim=0), tokens.std(dim=0, correction=0))
    standard = layer(tokens)
    torch.testing.assert_close(standard.mean(dim=0), torch.zeros(8), atol=1e-4, rtol=0)
    # The smallest deviation is a thousandth of the overall one, which is added to it.
    assert (standard.std(dim=0, correction=0)[1:] > 0.8).all()
    assert 0.4 < standard[:, 0].std() < 1


def test_constant_and_distant_tokens_stay_finite():
    layer = Standardize(3)
    layer.fit(torch.tensor([5.0, 5.0, 5.0]), torch.zeros(3))
    assert layer(torch.full((2, 3), 5.0)).tolist() == [[0.0] * 3] * 2
    layer.fit(torch.zeros(3), torch.ones(3))
    assert layer(torch.tensor([[6e4, -6e4, 1.0]]))[0, :2].tolist() == [LIMIT, -LIMIT]


def test_statistics_are_those_of_all_tokens_of_the_clips(make_data, mixed):
    stream = make_data(mixed(30)).streams["ear"]
    clips = np.flatnonzero(stream.lengths > 0)[:5]
    tokens = stream.take(clips)[0].float()
    for mapped_or_held in (stream, replace(stream, held=None)):
        mean, deviation = measure_tokens(mapped_or_held, clips)
        torch.testing.assert_close(mean, tokens.mean(dim=0))
        torch.testing.assert_close(deviation, tokens.std(dim=0, correction=0))


def test_an_encoder_without_a_token_in_training_is_left_as_it_is(make_data, made_item):
    stream = make_data([made_item(0, {"eye": 3})]).streams["ear"]
    mean, deviation = measure_tokens(stream, np.array([0]))
    assert not mean.any()
    assert (deviation == 1).all()


def test_a_large_cache_is_sampled(make_data, made_item, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(token_statistics, "MOST_TOKENS", 40)
    stream = make_data([made_item(0, {"eye": 4}) for _ in range(50)]).streams["eye"]
    clips = np.arange(50)
    mean, deviation = measure_tokens(stream, clips)
    assert mean.shape == (512,)
    assert not torch.equal(mean, measure_tokens(stream, clips, seed=1)[0])
    assert torch.equal(mean, measure_tokens(stream, clips)[0])
    assert 0.5 < float(deviation.mean()) < 1.5


def test_a_run_keeps_the_statistics_of_its_training_clips(make_data, mixed, tmp_path: Path):
    data = make_data(mixed(60))
    fit(data, QUICK, tmp_path / "run", device=CPU)
    loaded = load_run(tmp_path / "run", CPU)
    clips = data.select(loaded.info.shape.streams, "train", config=QUICK)
    mean, _ = measure_tokens(data.streams["ear"], clips)
    torch.testing.assert_close(loaded.model.standardizers["ear"].mean, mean)


def test_a_common_offset_of_all_tokens_changes_nothing(make_data, mixed):
    data = make_data(mixed(8))
    stream = data.streams["eye"]
    clips = np.flatnonzero(stream.lengths > 0)
    tokens = stream.take(clips)[0].double()
    layers = [Standardize(512).double() for _ in range(2)]
    for layer, offset in zip(layers, (0.0, 100.0), strict=True):
        layer.fit((tokens + offset).mean(dim=0), (tokens + offset).std(dim=0, correction=0))
    torch.testing.assert_close(layers[0](tokens), layers[1](tokens + 100.0))
