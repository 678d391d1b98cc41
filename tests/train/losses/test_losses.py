"""Losses worked by hand, and what accumulation must not change."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from one_step import compute_losses

from unmask.train.config import TrainConfig
from unmask.train.data.batch import Columns
from unmask.train.data.sampler import Sampler
from unmask.train.losses.classification import sum_cross_entropy
from unmask.train.losses.domain import coral, sum_domain_cross_entropy, sum_steepness
from unmask.train.models.detector import Detector
from unmask.train.models.model_shape import ModelShape
from unmask.train.models.part_fusion import combine_terms
from unmask.train.run_setup import build_shape

CPU = torch.device("cpu")
NAMES = ("eye", "ear", "ear_two", "reader")


def test_binary_loss_counts_known_clips_only():
    logit, target = torch.tensor([0.0, math.log(3.0), 50.0]), torch.tensor([1.0, 1.0, 0.0])
    known = torch.tensor([1.0, 1.0, 0.0])
    expected = (math.log(2) - math.log(0.75)) / 2
    assert sum_cross_entropy(logit, target, known).item() / 2 == pytest.approx(expected)


def test_label_smoothing_by_hand():
    # Target 1 becomes 0.9: -(0.9 ln 0.75 + 0.1 ln 0.25)
    found = sum_cross_entropy(torch.tensor([math.log(3.0)]), torch.ones(1), torch.ones(1), 0.2)
    assert found.item() == pytest.approx(-(0.9 * math.log(0.75) + 0.1 * math.log(0.25)))


def test_focal_loss_by_hand():
    # A fake at 0.75 weighs 0.25^2, a real one at 0.75 weighs 0.75^2.
    logit = torch.tensor([math.log(3.0), math.log(3.0)])
    found = sum_cross_entropy(logit, torch.tensor([1.0, 0.0]), torch.ones(2), gamma=2.0) / 2
    assert found.item() == pytest.approx(-(0.25**2 * math.log(0.75) + 0.75**2 * math.log(0.25)) / 2)


def test_focal_loss_of_gamma_0_is_cross_entropy_and_goes_with_label_smoothing():
    logit, target, known = torch.tensor([2.0, -1.0]), torch.tensor([1.0, 1.0]), torch.ones(2)
    plain = sum_cross_entropy(logit, target, known, smooth=0.2)
    torch.testing.assert_close(sum_cross_entropy(logit, target, known, smooth=0.2, gamma=0.0), plain)
    assert 0 < sum_cross_entropy(logit, target, known, smooth=0.2, gamma=1.0) < plain


def test_domain_loss_skips_clips_with_nothing_to_guess():
    inf = torch.inf
    logits = torch.tensor([[0.0, 0.0, -inf], [-inf, -inf, 2.0], [-inf, -inf, -inf]], requires_grad=True)
    contested = torch.tensor([True, False, False])
    found = sum_domain_cross_entropy(logits, torch.tensor([1, 2, 0]), contested)
    assert found.item() == pytest.approx(math.log(2))
    found.backward()
    assert torch.isfinite(logits.grad).all()


def host_of(domain: list[int], item: list[int] | None = None, pattern: list[int] | None = None) -> Columns:
    count = len(domain)
    items = np.arange(count) if item is None else np.array(item)
    nothing = np.zeros(count, np.float32)
    patterns = np.ones(count, np.int64) if pattern is None else np.array(pattern)
    return Columns(np.arange(count), items, np.array(domain), patterns, nothing, nothing, nothing, nothing > 0)


def test_coral_by_hand():
    # Items alternate between the halves: rows 0, 2 against 1, 3 of each dataset, all with equal moments.
    z = torch.tensor([[0.0, 0.0], [0.0, 0.0], [2.0, 0.0], [2.0, 0.0]])
    host = host_of([0] * 4 + [1] * 4)
    assert coral(torch.cat([z, z]), host).item() == 0.0
    # Means differ by (3, 0): 9 / 2. Covariances are equal.
    assert coral(torch.cat([z, z + torch.tensor([3.0, 0.0])]), host).item() == pytest.approx(4.5)
    # Twice as wide: means (1, 0) and (2, 0), variances 2 and 8: 1 / 2 + 36 / 4.
    assert coral(torch.cat([z, 2 * z]), host).item() == pytest.approx(9.5)


def test_coral_of_two_halves_of_one_dataset_is_nothing_on_average():
    torch.manual_seed(0)
    found = [coral(torch.randn(16, 8), host_of([0] * 8 + [1] * 8)).item() for _ in range(800)]
    mean, spread = np.mean(found), np.std(found) / np.sqrt(len(found))
    assert abs(mean) < 4 * spread, "squared as it is, the noise alone would be about 0.4"
    assert spread < 0.02


def test_coral_halves_by_items_and_leaves_out_what_cannot_be_halved():
    z = torch.randn(8, 3)
    assert coral(z, host_of([0] * 4 + [1] * 4, item=[0, 0, 0, 1, 2, 2, 3, 3])).item() == 0.0, "one clip in a half"
    assert coral(z, host_of([0] * 4 + [1] * 4, item=[0, 0, 1, 1, 2, 2, 3, 3])).item() != 0.0


def test_coral_compares_only_datasets_of_the_same_pattern():
    z = torch.randn(8, 3)
    assert coral(z, host_of([0] * 4 + [1] * 4, pattern=[1] * 4 + [2] * 4)).item() == 0.0


WEIGHTS = {
    "part_weight": ("video", "audio"), "joint_weight": ("joint",), "gradient_penalty": ("penalty",),
    "coral_weight": ("coral",), "infonce_weight": ("infonce",), "supcon_weight": ("supcon",),
    "uniformity_weight": ("uniformity",), "alignment_weight": ("alignment",),
}  # fmt: skip


def test_what_is_minimised_is_the_weighted_sum_of_the_parts(make_data, mixed):
    changes = {"domain_loss": "coral"} | {name: 0.1 * (place + 1) for place, name in enumerate(WEIGHTS)}
    items = [replace(item, video_fake=bool(item.label), audio_fake=bool(item.label)) for item in mixed(80)]
    items += [replace(item, dataset="celeb_df") for item in items]
    data, config = make_data(items), TrainConfig(size="small", **changes)
    shared = tuple((pattern, tuple(range(len(data.clips.datasets)))) for pattern in range(1, 8))
    modalities = tuple(map(data.modality, NAMES))
    model = Detector(ModelShape.of(config, NAMES, data.clips.datasets, shared, modalities=modalities))
    batch = data.batch(np.arange(160), NAMES, device=CPU)
    found = compute_losses(model, config, batch)
    expected = found.terms["fake"] + found.terms["domain"]
    for weight, parts in WEIGHTS.items():
        for part in parts:
            assert found.terms[part].item() != 0.0, part
            expected = expected + getattr(config, weight) * found.terms[part]
    torch.testing.assert_close(found.total, expected)


ACCUMULATED = [
    {"domain_loss": "none", "fusion": "early"},
    {"domain_loss": "dann", "gradient_penalty": 0.5},
    {"domain_loss": "cdan", "gradient_penalty": 0.5, "fusion": "cross"},
    {"domain_loss": "dann", "focal_gamma": 2.0, "fusion": "late"},
    {"domain_loss": "dann", "fusion": "within"},
]


@pytest.mark.parametrize("settings", ACCUMULATED, ids=str)
def test_accumulating_small_batches_gives_the_gradient_of_one_large_one(make_data, made_item, settings: dict[str, Any]):
    items = [
        made_item(1, {"eye": 3}, "archive", "image", video_fake=True),
        made_item(0, {"eye": 1}, "dff", "image"),
        made_item(1, {"ear": 5, "ear_two": 5}, "deepvoice", "audio", audio_fake=True),
        made_item(0, {"eye": 2, "ear": 4, "reader": 1}, video_fake=False, audio_fake=False),
        made_item(1, {"eye": 2, "ear": 4}, video_fake=False, audio_fake=True),
    ]
    data = make_data(items)
    config = TrainConfig(size="small", dropout=0.0, **settings)
    shared = tuple((pattern, tuple(range(4))) for pattern in range(1, 8))
    torch.manual_seed(0)
    modalities = tuple(map(data.modality, NAMES))
    model = Detector(ModelShape.of(config, NAMES, data.clips.datasets, shared, modalities=modalities))

    def gradients(parts: list[list[int]]) -> list[torch.Tensor]:
        model.zero_grad()
        batches = [data.batch(np.array(part), NAMES, device=CPU) for part in parts]
        for batch in batches:
            compute_losses(model, config, batch, outputs=model(batch, 0.5), step=batches).total.backward()
        return [parameter.grad.clone() for parameter in model.parameters()]

    for one, many in zip(gradients([[0, 1, 2, 3, 4]]), gradients([[3, 0], [2], [4, 1]]), strict=True):
        torch.testing.assert_close(many, one, rtol=1e-4, atol=1e-6)


def test_unknown_parts_teach_nothing(make_data, made_item):
    data = make_data([made_item(1, {"eye": 2, "ear": 2}), made_item(0, {"eye": 2, "ear": 2})])
    config = TrainConfig(size="small", fusion="joint")
    model = Detector(ModelShape.of(config, NAMES, data.clips.datasets, ((3, (0,)),)))
    batch = data.batch(np.array([0, 1]), NAMES, device=CPU)
    found = compute_losses(model, config, batch)
    assert tuple(found.terms[name].item() for name in ("video", "audio", "domain")) == (0, 0, 0)
    found.total.backward()
    for head in (model.read.heads.video, model.read.heads.audio):
        assert all(not parameter.grad.any() for parameter in head.parameters())


def test_the_penalty_is_half_the_squared_slope_of_the_log_odds_and_reaches_only_the_discriminators(
    make_data, made_item
):
    data = make_data([made_item(0, {"eye": 2}, "archive"), made_item(1, {"eye": 2}, "celeb_df")])
    config = TrainConfig(size="small", fusion="joint", gradient_penalty=1.0)
    model = Detector(ModelShape.of(config, NAMES, data.clips.datasets, ((1, (0, 1)),))).eval()
    batch = data.batch(np.array([0, 1]), NAMES, device=CPU)
    outputs = model(batch, 0.5)
    found = sum_steepness(outputs, batch, torch.tensor([True, True]), model)
    by_hand, step = 0.0, 1e-3
    for row in range(2):
        slopes = []
        for column in range(outputs.features.shape[1]):
            odds = []
            for sign in (1, -1):
                z = outputs.features.detach().clone()
                z[row, column] += sign * step
                logits = model.guess_domain(z, outputs.fake, batch)[row]
                odds.append((logits[batch.domain[row]] - logits[1 - batch.domain[row]]).item())
            slopes.append((odds[0] - odds[1]) / (2 * step))
        by_hand += sum(slope**2 for slope in slopes) / 2
    assert found.item() == pytest.approx(by_hand, rel=0.02)
    found.backward()
    assert all(parameter.grad is None for parameter in model.detector())
    assert model.discriminators.out_PKG.grad.abs().sum() > 0


def test_the_penalty_of_clips_with_nothing_to_guess_is_zero_and_its_gradient_a_number(make_data, made_item):
    data = make_data([made_item(0, {"eye": 2}, "archive"), made_item(1, {"ear": 2}, "celeb_df")])
    config = TrainConfig(size="small", fusion="joint", gradient_penalty=1.0)
    for datasets, shared in ((data.clips.datasets, ((1, (0,)), (2, (1,)))), (("one",), ((1, (0,)),))):
        model = Detector(ModelShape.of(config, NAMES, datasets, shared))
        batch = data.batch(np.array([0]), NAMES, device=CPU)
        found = compute_losses(model, config, batch, outputs=model(batch, 0.5))
        assert found.terms["penalty"].item() == 0.0
        found.total.backward()
        assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_the_joint_logit_learns_from_clips_of_several_modalities_without_a_known_fake_one(make_data, made_item):
    both = {"eye": 3, "ear": 5}
    data = make_data(
        [
            made_item(0, both, video_fake=False, audio_fake=False),
            made_item(1, both),
            made_item(1, both, video_fake=True, audio_fake=False),
            made_item(1, {"eye": 3}),
        ]
    )
    names, clips = ("eye", "ear"), np.arange(4)
    config = TrainConfig(size="small", label_smoothing=0.0, standardize=False)
    shape = build_shape(data, config, names, Sampler.of(data, names, clips, config))
    model = Detector(shape).eval()
    batch = data.batch(clips, names, device=CPU)
    outputs = model(batch)
    found = compute_losses(model, config, batch, outputs=outputs)
    joint = outputs.terms[:2, -1]
    torch.testing.assert_close(found.terms["joint"], (F.softplus(joint[0]) + F.softplus(-joint[1])) / 2)
    heard = data.batch(clips, names, device=CPU, kept={"image": np.zeros(4, np.bool_)})
    assert compute_losses(model, config, heard).terms["joint"].item() == 0.0


def test_a_known_fake_modality_explains_its_clip_without_the_joint_logit(make_data, made_item):
    both = {"eye": 3, "ear": 5}
    data = make_data(
        [
            made_item(0, both, video_fake=False, audio_fake=False),
            made_item(1, both),
            made_item(1, both, video_fake=True, audio_fake=False),
            made_item(1, {"eye": 3}, video_fake=True),
        ]
    )
    names, clips = ("eye", "ear"), np.arange(4)
    config = TrainConfig(size="small", label_smoothing=0.0, standardize=False)
    model = Detector(build_shape(data, config, names, Sampler.of(data, names, clips, config))).eval()
    outputs = model(batch := data.batch(clips, names, device=CPU))
    logit = outputs.fake.clone()
    logit[2] = combine_terms(outputs.terms[2:3, :2], torch.ones(1, 2, dtype=torch.bool))[0]
    assert logit[2] < outputs.fake[2]
    expected = F.binary_cross_entropy_with_logits(logit, batch.label)
    torch.testing.assert_close(compute_losses(model, config, batch, outputs=outputs).terms["fake"], expected)
