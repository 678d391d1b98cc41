"""Contrastive losses, worked by hand on unit vectors of two numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from one_step import compute_losses

from unmask.train.config import TrainConfig
from unmask.train.losses.contrastive import find_real_pairs, find_same_clip, has_positive, sum_info_nce, sum_sup_con
from unmask.train.losses.objective import Objective
from unmask.train.models.detector import Detector
from unmask.train.models.model_shape import ModelShape

CPU = torch.device("cpu")
NAMES = ("eye", "ear")
EAST, NORTH = [1.0, 0.0], [0.0, 1.0]


def alike(count: int) -> torch.Tensor:
    return torch.eye(count, dtype=torch.bool)


def test_infonce_by_hand():
    # Pictures east, north; sounds east, east. Similarities / 0.5: rows (2, 2), (0, 0); columns (2, 0), (2, 0).
    picture, sound = torch.tensor([EAST, NORTH]), torch.tensor([EAST, EAST])
    found = sum_info_nce(picture, sound, torch.tensor([True, True]), alike(2), 0.5)
    rows = math.log(2) + math.log(2)
    columns = math.log(1 + math.exp(-2)) + math.log(1 + math.exp(2))
    assert found.item() == pytest.approx((rows + columns) / 2)


def test_infonce_leaves_out_clips_without_a_pair_whatever_their_vectors():
    torch.manual_seed(0)
    picture, sound = torch.randn(4, 2), torch.randn(4, 2)
    pair = torch.tensor([True, False, True, False])
    found = sum_info_nce(picture, sound, pair, alike(4), 1.0)
    torch.testing.assert_close(found, sum_info_nce(picture[pair], sound[pair], pair[pair], alike(2), 1.0))
    assert sum_info_nce(picture, sound, torch.tensor([True, False, False, False]), alike(4), 1.0).item() == 0.0


def test_a_clip_drawn_twice_is_no_wrong_answer_for_itself():
    picture, sound = torch.tensor([EAST, NORTH, EAST]), torch.tensor([EAST, NORTH, EAST])
    same = torch.tensor([[True, False, True], [False, True, False], [True, False, True]])
    twice = sum_info_nce(picture, sound, torch.tensor([True] * 3), same, 1.0)
    # East among east and north, twice; north among north and two of east.
    expected = 2 * math.log(1 + math.exp(-1)) + math.log(1 + 2 * math.exp(-1))
    assert twice.item() == pytest.approx(expected)


def test_supcon_by_hand():
    # East, east and north, north: labels 0, 0, 1. At temperature 1 the others' similarities are
    # clip 0: 1, 0; clip 1: 1, 0; clip 2 has no company.
    z, label = torch.tensor([EAST, EAST, NORTH]), torch.tensor([0.0, 0.0, 1.0])
    assert sum_sup_con(z, label, 1.0).item() == pytest.approx(2 * math.log(1 + math.exp(-1)))
    assert has_positive(label.numpy()).tolist() == [True, True, False]


def test_supcon_is_the_mean_over_the_positives_of_the_log_outside():
    # All of one class: clip 0 sees 1 and 0, clip 1 the same, clip 2 sees 0 and 0.
    z, label = torch.tensor([EAST, EAST, NORTH]), torch.ones(3)
    denominator = math.log(math.e + 1)
    expected = 2 * (denominator - 0.5) + math.log(2)
    assert sum_sup_con(z, label, 1.0).item() == pytest.approx(expected)


def test_a_batch_of_one_clip_has_nothing_to_compare_and_a_gradient_of_zero():
    z = torch.tensor([EAST], requires_grad=True)
    label = torch.ones(1)
    total = sum_sup_con(z, label, 0.1) + sum_info_nce(z, z, torch.tensor([True]), alike(1), 0.1)
    total.backward()
    assert total.item() == 0.0
    assert z.grad.tolist() == [[0.0, 0.0]]


def contrastive_model(data) -> tuple[Detector, TrainConfig]:
    config = TrainConfig(size="small", infonce_weight=1.0, supcon_weight=1.0, dropout=0.0, label_smoothing=0.0)
    torch.manual_seed(0)
    shape = ModelShape.of(config, NAMES, data.clips.datasets, ((3, (0,)),), modalities=("image", "audio"))
    return Detector(shape), config


def test_only_real_clips_with_both_image_and_audio_are_pairs(make_data, made_item):
    both, picture = {"eye": 2, "ear": 2}, {"eye": 2}
    data = make_data([made_item(0, both), made_item(1, both), made_item(0, picture), made_item(0, {"ear": 2})])
    batch = data.batch(np.array([0, 1, 2, 3, 0]), NAMES, device=CPU)
    assert find_real_pairs(batch.host).tolist() == [True, False, False, False, True]
    assert find_same_clip(batch.host)[0].tolist() == [True, False, False, False, True]
    dropped = data.batch(np.array([0]), NAMES, device=CPU, kept={"audio": np.array([False])})
    assert find_real_pairs(dropped.host).tolist() == [False]


def test_image_and_audio_are_compared_before_they_see_each_other(make_data, made_item):
    whole, other = make_data([made_item(0, {"eye": 2, "ear": 2})]), make_data([made_item(0, {"eye": 2})])
    model, _ = contrastive_model(whole)
    first, second = (model.eval()(data.batch(np.array([0]), NAMES, device=CPU)).compared for data in (whole, other))
    torch.testing.assert_close(first.image, second.image)
    assert not torch.allclose(first.features, second.features)
    for vectors in (first.image, first.audio, first.features):
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(1))


def test_every_clip_of_the_step_counts_once_but_is_compared_within_its_batch(make_data, made_item):
    data = make_data([made_item(number // 4, {"eye": 2, "ear": 2}) for number in range(8)])
    model, config = contrastive_model(data)

    def parts(rows: list[list[int]]) -> tuple[list[float], list[float]]:
        batches = [data.batch(np.array(clips), NAMES, device=CPU) for clips in rows]
        objective = Objective.of(config)
        counts = dict(zip(objective.names, objective.count(batches, model).tolist(), strict=False))
        assert (counts["infonce"], counts["supcon"]) == (4, 8)
        found = [compute_losses(model, config, batch, step=batches).terms for batch in batches]
        return [one["infonce"].item() for one in found], [one["supcon"].item() for one in found]

    once, halves = parts([list(range(8))]), parts([[0, 1, 4, 5], [2, 3, 6, 7]])
    alone = []
    for clips in ([0, 1, 4, 5], [2, 3, 6, 7]):
        batch = data.batch(np.array(clips), NAMES, device=CPU)
        alone.append(compute_losses(model, config, batch).terms)
    # Each half weighs one half of the step, and has fewer wrong answers than the whole.
    assert halves[0] == pytest.approx([one["infonce"].item() / 2 for one in alone])
    assert halves[1] == pytest.approx([one["supcon"].item() / 2 for one in alone])
    assert sum(halves[0]) < once[0][0]
    assert sum(halves[1]) < once[1][0]


def test_training_matches_audio_with_its_images(make_data, made_item):
    data = make_data([made_item(0, {"eye": 2, "ear": 2}) for _ in range(12)])
    model, config = contrastive_model(data)
    batch = data.batch(np.arange(12), NAMES, device=CPU)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(40):
        compute_losses(model, config, batch).total.backward()
        optimizer.step()
        optimizer.zero_grad()
    compared = model(batch).compared
    assert (compared.image @ compared.audio.T).argmax(dim=1).tolist() == list(range(12))
