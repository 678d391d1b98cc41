"""Gradient reversal and Ganin's schedule, worked by hand."""

from __future__ import annotations

import math

import pytest
import torch

from unmask.train.config import TrainConfig
from unmask.train.fit import compute_reversal
from unmask.train.models.domain_discriminators import compute_ganin_strength, reverse_gradient


def test_forwards_nothing_changes():
    x = torch.randn(3, 4)
    torch.testing.assert_close(reverse_gradient(x, 0.7), x, rtol=0, atol=0)


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 2.0])
def test_backwards_the_sign_turns_and_the_strength_scales(strength: float):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (reverse_gradient(x, strength) * torch.tensor([3.0, -5.0])).sum().backward()
    torch.testing.assert_close(x.grad, torch.tensor([-3.0, 5.0]) * strength)


def test_features_leave_what_the_discriminator_wants_while_it_still_gets_it_itself():
    # z = w x; the task wants more z (loss -z), the discriminator (weight v) lowers (v z)^2 / 2, reversed by 0.5.
    w, v, x = torch.tensor(3.0, requires_grad=True), torch.tensor(2.0, requires_grad=True), 1.5
    z = w * x
    (-z + (v * reverse_gradient(z, 0.5)).pow(2) / 2).backward()
    assert w.grad.item() == pytest.approx(-x - 0.5 * (2.0**2 * 4.5) * x)
    assert v.grad.item() == pytest.approx(2.0 * 4.5**2)


def test_the_schedule_goes_from_nothing_to_almost_one():
    assert compute_ganin_strength(0.0) == 0.0
    assert compute_ganin_strength(1.0) == pytest.approx(0.9999092)
    # tanh(5 p) is another way to write it.
    assert compute_ganin_strength(0.1) == pytest.approx(math.tanh(0.5))
    rising = [compute_ganin_strength(step / 20) for step in range(21)]
    assert rising == sorted(rising)


@pytest.mark.parametrize("choice", ["none", "coral"])
def test_without_an_adversary_nothing_is_reversed(choice: str):
    assert compute_reversal(TrainConfig(domain_loss=choice), 1.0) == 0.0


@pytest.mark.parametrize("choice", ["dann", "cdan"])
def test_an_adversary_ends_at_its_full_strength(choice: str):
    config = TrainConfig(domain_loss=choice, grl_max=0.4)
    assert compute_reversal(config, 0.0) == 0.0
    assert compute_reversal(config, 1.0) == pytest.approx(0.4, rel=1e-3)
