"""Uniformity and alignment against a direct computation, and what they must not depend on."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from one_step import compute_losses

from unmask.core.errors import UsageError
from unmask.train.config import TrainConfig
from unmask.train.fit import fit
from unmask.train.losses.uniformity import compute_uniformity, sum_alignment
from unmask.train.models.detector import Detector
from unmask.train.models.model_shape import ModelShape

CPU = torch.device("cpu")
NAMES = ("eye", "ear")
EAST, NORTH, WEST = [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]


def random_unit(count: int, width: int = 5, seed: int = 0) -> torch.Tensor:
    return F.normalize(torch.randn(count, width, generator=torch.Generator().manual_seed(seed)), dim=1)


def others(count: int) -> torch.Tensor:
    return ~torch.eye(count, dtype=torch.bool)


def test_uniformity_by_hand():
    # Squared distances 2, 4, 2 of the three pairs.
    found = compute_uniformity(torch.tensor([EAST, NORTH, WEST]), others(3))
    assert found.item() == pytest.approx(math.log((2 * math.exp(-4) + math.exp(-8)) / 3))


def test_alignment_by_hand():
    # East and north are of one class, at a squared distance of 2 from each other; west has no company.
    found = sum_alignment(torch.tensor([EAST, NORTH, WEST]), torch.tensor([0.0, 0.0, 1.0]))
    assert found.item() == pytest.approx(2 + 2 + 0)


def test_both_are_what_numpy_gives_pair_by_pair():
    u_BW, label_B = random_unit(9), torch.tensor([0, 1, 1, 0, 1, 1, 0, 1, 1]).float()
    u, label = u_BW.numpy().astype(np.float64), label_B.numpy()
    distance = {pair: np.square(u[pair[0]] - u[pair[1]]).sum() for pair in itertools.permutations(range(9), 2)}
    expected = np.log(np.mean([np.exp(-2 * square) for square in distance.values()]))
    assert compute_uniformity(u_BW, others(9)).item() == pytest.approx(expected, abs=1e-5)
    per_clip = [
        np.mean([square for (one, other), square in distance.items() if one == clip and label[other] == label[clip]])
        for clip in range(9)
    ]
    assert sum_alignment(u_BW, label_B).item() == pytest.approx(np.sum(per_clip), abs=1e-5)


def test_both_depend_on_angles_alone():
    u_BW, label_B = random_unit(6), torch.tensor([0, 0, 0, 1, 1, 1]).float()
    turned_BW = u_BW @ torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(1)))[0]
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    for other_BW, other_B in ((turned_BW, label_B), (u_BW[order], label_B[order]), (u_BW, 1 - label_B)):
        torch.testing.assert_close(compute_uniformity(other_BW, others(6)), compute_uniformity(u_BW, others(6)))
        torch.testing.assert_close(sum_alignment(other_BW, other_B), sum_alignment(u_BW, label_B))


def test_a_batch_without_pairs_has_a_loss_and_a_gradient_of_zero():
    u_BW = torch.tensor([EAST, EAST], requires_grad=True)
    none = torch.zeros(2, 2, dtype=torch.bool)
    total = compute_uniformity(u_BW, none) + sum_alignment(u_BW, torch.tensor([0.0, 1.0]))
    total.backward()
    assert total.item() == 0.0
    assert u_BW.grad.tolist() == [[0.0, 0.0]] * 2


def model_of(data, **settings) -> tuple[Detector, TrainConfig]:
    config = TrainConfig(size="small", dropout=0.0, domain_loss="none", **settings)
    torch.manual_seed(0)
    shape = ModelShape.of(config, NAMES, data.clips.datasets, ((3, (0,)),), modalities=("image", "audio"))
    return Detector(shape), config


@pytest.mark.parametrize("normalized", [False, True])
def test_the_terms_read_the_direction_of_the_features(make_data, made_item, normalized: bool):
    data = make_data([made_item(number % 2, {"eye": 2, "ear": 2}) for number in range(6)])
    model, config = model_of(data, uniformity_weight=0.5, alignment_weight=0.1, normalize_features=normalized)
    batch = data.batch(np.arange(6), NAMES, device=CPU)
    outputs = model(batch)
    terms = compute_losses(model, config, batch, outputs=outputs).terms
    u_BW = F.normalize(outputs.features, dim=1)
    torch.testing.assert_close(terms["uniformity"], compute_uniformity(u_BW, others(6)))
    torch.testing.assert_close(terms["alignment"], sum_alignment(u_BW, batch.label) / 6)
    longer = compute_losses(model, config, batch, outputs=replace(outputs, features=3 * outputs.features)).terms
    for name in ("uniformity", "alignment"):
        torch.testing.assert_close(longer[name], terms[name])


def test_a_clip_drawn_twice_is_not_spread_from_itself(make_data, made_item):
    data = make_data([made_item(number % 2, {"eye": 2, "ear": 2}) for number in range(3)])
    model, config = model_of(data, uniformity_weight=1.0)
    twice, once = (data.batch(np.array(rows), NAMES, device=CPU) for rows in ([0, 1, 1], [0, 1]))
    found = [compute_losses(model, config, batch).terms["uniformity"] for batch in (twice, once)]
    torch.testing.assert_close(*found)


def test_every_clip_of_the_step_counts_once_but_is_compared_within_its_batch(make_data, made_item):
    data = make_data([made_item(number % 2, {"eye": 2, "ear": 2}) for number in range(8)])
    model, config = model_of(data, uniformity_weight=1.0, alignment_weight=1.0)
    halves = [data.batch(np.arange(first, first + 4), NAMES, device=CPU) for first in (0, 4)]
    for batch in halves:
        alone, shared = compute_losses(model, config, batch), compute_losses(model, config, batch, step=halves)
        for name in ("uniformity", "alignment"):
            torch.testing.assert_close(shared.terms[name], alone.terms[name] / 2)


def test_uniformity_spreads_the_features_and_alignment_keeps_those_of_a_class_together(make_data, made_item):
    data = make_data([made_item(number % 2, {"eye": 2, "ear": 2}) for number in range(12)])
    batch = data.batch(np.arange(12), NAMES, device=CPU)

    def train(**weights: float) -> tuple[float, float]:
        model, config = model_of(data, normalize_features=True, **weights)
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        for _ in range(8):
            compute_losses(model, config, batch).total.backward()
            optimizer.step()
            optimizer.zero_grad()
        u_BW = F.normalize(model(batch).features.detach(), dim=1)
        return compute_uniformity(u_BW, others(12)).item(), sum_alignment(u_BW, batch.label).item() / 12

    plain, spread, both = train(), train(uniformity_weight=0.5), train(uniformity_weight=0.5, alignment_weight=0.5)
    assert spread[0] < plain[0]
    assert both[0] < plain[0]
    assert both[1] < spread[1]


def test_a_model_without_features_refuses_what_compares_them(make_data, mixed, tmp_path):
    config = TrainConfig(size="small", epochs=1, fusion="linear", uniformity_weight=0.5)
    with pytest.raises(UsageError, match="linear has no features for uniformity_weight") as error:
        fit(make_data(mixed(40)), config, tmp_path / "run", device=CPU)
    assert "train.fusion" in str(error.value.hint)
