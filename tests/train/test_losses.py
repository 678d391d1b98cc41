"""Losses worked by hand, and what accumulation must not change."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from train.config import TrainConfig
from train.losses import Totals, binary, coral, domain_loss, losses
from train.model import Detector, ModelShape

CPU = torch.device("cpu")
NAMES = ("eye", "ear", "ear_two", "reader")


def test_binary_loss_counts_known_clips_only():
    logit, target = torch.tensor([0.0, math.log(3.0), 50.0]), torch.tensor([1.0, 1.0, 0.0])
    known = torch.tensor([1.0, 1.0, 0.0])
    expected = (math.log(2) - math.log(0.75)) / 2
    assert binary(logit, target, known, torch.tensor(2.0)).item() == pytest.approx(expected)


def test_label_smoothing_by_hand():
    # Target 1 becomes 0.9: -(0.9 ln 0.75 + 0.1 ln 0.25)
    found = binary(torch.tensor([math.log(3.0)]), torch.ones(1), torch.ones(1), torch.tensor(1.0), 0.2)
    assert found.item() == pytest.approx(-(0.9 * math.log(0.75) + 0.1 * math.log(0.25)))


def test_domain_loss_skips_clips_with_nothing_to_guess():
    inf = torch.inf
    logits = torch.tensor([[0.0, 0.0, -inf], [-inf, -inf, 2.0], [-inf, -inf, -inf]], requires_grad=True)
    contested = torch.tensor([True, False, False])
    found = domain_loss(logits, torch.tensor([1, 2, 0]), contested, torch.tensor(1.0))
    assert found.item() == pytest.approx(math.log(2))
    found.backward()
    assert torch.isfinite(logits.grad).all()


def test_coral_is_zero_for_equal_datasets_and_by_hand_for_a_shift():
    z = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    domain, pattern = torch.tensor([0, 0, 1, 1]), torch.ones(4, dtype=torch.int64)
    assert coral(torch.cat([z, z]), domain, pattern).item() == 0.0
    # Means differ by (3, 0): 9 / 2. Covariances are equal.
    assert coral(torch.cat([z, z + torch.tensor([3.0, 0.0])]), domain, pattern).item() == pytest.approx(4.5)
    # Twice as wide: means (1, 0) and (2, 0), variances 2 and 8: 1 / 2 + 36 / 4.
    assert coral(torch.cat([z, 2 * z]), domain, pattern).item() == pytest.approx(9.5)


def test_coral_compares_only_datasets_of_the_same_pattern():
    z = torch.randn(4, 3)
    assert coral(z, torch.tensor([0, 0, 1, 1]), torch.tensor([1, 1, 2, 2])).item() == 0.0


@pytest.mark.parametrize("choice", ["none", "dann", "cdan"])
def test_accumulating_small_batches_gives_the_gradient_of_one_large_one(make_data, made_item, choice: str):
    items = [
        made_item(1, {"eye": 3}, "archive", "image", video_fake=True),
        made_item(0, {"eye": 1}, "dff", "image"),
        made_item(1, {"ear": 5, "ear_two": 5}, "deepvoice", "audio", audio_fake=True),
        made_item(0, {"eye": 2, "ear": 4, "reader": 1}, video_fake=False, audio_fake=False),
        made_item(1, {"eye": 2, "ear": 4}, video_fake=False, audio_fake=True),
    ]
    data = make_data(items)
    config = TrainConfig(size="small", domain_loss=choice, dropout=0.0)
    shared = tuple((pattern, tuple(range(4))) for pattern in range(1, 8))
    torch.manual_seed(0)
    model = Detector(ModelShape.of(config, NAMES, data.clips.datasets, shared))

    def gradients(parts: list[list[int]]) -> list[torch.Tensor]:
        model.zero_grad()
        batches = [data.batch(np.array(part), NAMES, device=CPU) for part in parts]
        totals = Totals.of(batches, model)
        for batch in batches:
            losses(model(batch, 0.5), batch, totals, model, config).total.backward()
        return [parameter.grad.clone() for parameter in model.parameters()]

    for one, many in zip(gradients([[0, 1, 2, 3, 4]]), gradients([[3, 0], [2], [4, 1]]), strict=True):
        torch.testing.assert_close(many, one, rtol=1e-4, atol=1e-6)


def test_unknown_parts_teach_nothing(make_data, made_item):
    data = make_data([made_item(1, {"eye": 2, "ear": 2}), made_item(0, {"eye": 2, "ear": 2})])
    config = TrainConfig(size="small")
    model = Detector(ModelShape.of(config, NAMES, data.clips.datasets, ((3, (0,)),)))
    batch = data.batch(np.array([0, 1]), NAMES, device=CPU)
    found = losses(model(batch), batch, Totals.of([batch], model), model, config)
    assert (found.video.item(), found.audio.item(), found.domain.item()) == (0, 0, 0)
    found.total.backward()
    for head in (model.video_head, model.audio_head):
        assert all(not parameter.grad.any() for parameter in head.parameters())
