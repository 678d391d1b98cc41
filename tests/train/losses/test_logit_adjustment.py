"""Logit adjustment by the odds of fake in each dataset: in training only."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from one_step import compute_losses

from unmask.train.config import TrainConfig
from unmask.train.data.sampler import Sampler
from unmask.train.models.detector import Detector
from unmask.train.run_setup import build_shape

CPU = torch.device("cpu")
EYE = {"eye": 2}


def uneven(made_item) -> list:
    """Nine fakes and one real of one dataset, two and two of another, three reals alone, and an unused dataset."""
    counts = {"archive": (1, 9), "dff": (2, 2), "celeb_df": (3, 0)}
    items = [
        made_item(label, EYE, name) for name, pair in counts.items() for label in (0, 1) for _ in range(pair[label])
    ]
    return [*items, made_item(0, EYE, "faceforensics", split="test")]


def sampler_of(data, **settings) -> Sampler:
    config = TrainConfig(size="small", dropout=0.0, label_smoothing=0.0, domain_loss="none", **settings)
    return Sampler.of(data, ("eye",), data.select(("eye",), "train"), config)


def model_of(data, sampler: Sampler) -> Detector:
    torch.manual_seed(0)
    return Detector(build_shape(data, sampler.config, ("eye",), sampler)).eval()


def test_the_odds_are_those_of_the_draws(make_data, made_item):
    data = make_data(uneven(made_item))
    names = data.clips.datasets
    found = sampler_of(data, balance=False).class_odds(len(names))
    expected = {"archive": 10 / 2, "dff": 3 / 3, "celeb_df": 1 / 4, "faceforensics": 1 / 1}
    assert dict(zip(names, found, strict=True)) == pytest.approx(
        {name: math.log(odds) for name, odds in expected.items()}
    )
    balanced = dict(zip(names, sampler_of(data).class_odds(len(names)), strict=True))
    assert [balanced[name] for name in ("archive", "dff", "faceforensics")] == [0.0, 0.0, 0.0]
    assert balanced["celeb_df"] < 0, "of one class, however it is drawn"


@pytest.mark.parametrize("tau", [0.5, 1.0])
def test_the_loss_is_the_cross_entropy_of_the_shifted_logit(make_data, made_item, tau: float):
    data = make_data(uneven(made_item))
    sampler = sampler_of(data, balance=False, logit_adjustment=tau)
    model, batch = model_of(data, sampler), data.batch(np.arange(17), ("eye",), device=CPU)
    outputs = model(batch)
    odds = np.array(sampler.class_odds(4))[data.clips.domain[:17]]
    logit, label = outputs.fake.detach().numpy() + tau * odds, data.clips.label[:17]
    expected = np.log1p(np.exp(np.where(label == 1, -logit, logit))).mean()
    found = compute_losses(model, sampler.config, batch, outputs=outputs).terms["fake"]
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_scores_are_not_adjusted(make_data, made_item):
    data = make_data(uneven(made_item))
    batch = data.batch(np.arange(17), ("eye",), device=CPU)
    plain, adjusted = (model_of(data, sampler_of(data, balance=False, logit_adjustment=tau)) for tau in (0.0, 1.0))
    adjusted.load_state_dict(plain.state_dict())
    for one, other in ((plain(batch), adjusted(batch)), (plain.train()(batch), adjusted.train()(batch))):
        torch.testing.assert_close(one.fake, other.fake)


def test_the_fitted_logit_does_not_know_how_common_fakes_are_in_a_dataset():
    """Two datasets of one signal and different odds: the adjusted loss is least at the same logit for both."""
    for odds in (math.log(9), math.log(1 / 4)):
        share = 1 / (1 + math.exp(-(odds + 0.7)))  # of fakes among clips that show evidence of 0.7 nats
        logit = torch.zeros((), requires_grad=True)
        for _ in range(200):
            probability = torch.sigmoid(logit + odds)
            loss = -(share * probability.log() + (1 - share) * (1 - probability).log())
            (slope,) = torch.autograd.grad(loss, logit)
            logit.data -= 4 * slope
        assert logit.item() == pytest.approx(0.7, abs=0.01)
