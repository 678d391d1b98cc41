"""The detector: padding, missing modalities, discriminators."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from train.batch import MODALITIES
from train.config import TrainConfig
from train.domains import Discriminators
from train.fusion import Fusion, time_encoding
from train.model import Detector, ModelShape
from train.sizing import SIZES

CPU = torch.device("cpu")
NAMES = ("eye", "ear", "ear_two", "reader")
HEAD = {"eye": 4, "ear": 6, "ear_two": 6, "reader": 1}
EVERY_PATTERN = tuple((pattern, (0, 1)) for pattern in range(1, 8))


def detector(choice: str = "dann", shared=EVERY_PATTERN) -> Detector:
    config = TrainConfig(size="small", domain_loss=choice)
    torch.manual_seed(0)
    return Detector(ModelShape.of(config, NAMES, ("a", "b"), shared)).eval()


def test_masking_a_modality_equals_never_having_had_it(make_data, made_item):
    whole = make_data([made_item(1, HEAD, start_s=50.0)])
    model = detector()
    for gone in ("image", "audio", "text"):
        kept = {modality: np.array([modality != gone]) for modality in MODALITIES}
        masked = model(whole.batch(np.array([0]), NAMES, device=CPU, kept=kept))
        lengths = {name: length for name, length in HEAD.items() if whole.modality(name) != gone}
        never = make_data([made_item(1, lengths, start_s=50.0)])
        absent = model(never.batch(np.array([0]), NAMES, device=CPU))
        for field in ("fake", "video", "audio", "domain", "features"):
            torch.testing.assert_close(getattr(masked, field), getattr(absent, field))
        assert not torch.allclose(masked.fake, model(whole.batch(np.array([0]), NAMES, device=CPU)).fake)


def test_masking_beside_clips_that_keep_it_changes_nothing_either(make_data, made_item):
    data = make_data([made_item(1, HEAD), made_item(0, HEAD)])
    model = detector()
    kept = {modality: np.array([True, modality == "audio"]) for modality in MODALITIES}
    both = model(data.batch(np.array([0, 1]), NAMES, device=CPU, kept=kept))
    only = {modality: np.array([modality == "audio"]) for modality in MODALITIES}
    torch.testing.assert_close(both.fake[1:], model(data.batch(np.array([1]), NAMES, device=CPU, kept=only)).fake)


def test_a_clip_scores_the_same_alone_and_in_a_batch(make_data, mixed):
    data = make_data(mixed(12))
    model = detector()
    together = model(data.batch(np.arange(12), NAMES, device=CPU))
    for clip in range(12):
        alone = model(data.batch(np.array([clip]), NAMES, device=CPU))
        torch.testing.assert_close(alone.features[0], together.features[clip])
        torch.testing.assert_close(alone.fake[0], together.fake[clip])
        torch.testing.assert_close(alone.domain[0], together.domain[clip])


def test_what_lies_in_padded_slots_is_never_attended_to():
    torch.manual_seed(0)
    fusion = Fusion(layers=3, width=16, heads=2, feedforward=32, dropout=0.0).eval()
    x_BLW = torch.randn(2, 7, 16)
    used_BL = torch.arange(7) < torch.tensor([[7], [4]])
    poisoned = x_BLW.clone()
    poisoned[1, 4:] = 1e4
    torch.testing.assert_close(fusion(poisoned, used_BL), fusion(x_BLW, used_BL))


def test_asking_for_cls_alone_gives_the_numbers_of_the_whole_block():
    torch.manual_seed(0)
    fusion = Fusion(layers=2, width=16, heads=2, feedforward=32, dropout=0.0).eval()
    x_BLW, used_BL = torch.randn(2, 5, 16), torch.ones(2, 5, dtype=torch.bool)
    whole = x_BLW
    for block in fusion.blocks:
        whole = block(whole, used_BL)
    torch.testing.assert_close(fusion(x_BLW, used_BL), fusion.norm(whole[:, 0]))


def test_time_is_told_apart_at_lip_sync_scale_and_over_a_whole_clip():
    encoded = time_encoding(torch.tensor([0.0, 0.04, 4.0]), 32)
    assert encoded.shape == (3, 32)
    torch.testing.assert_close(encoded.norm(dim=1), torch.full((3,), 4.0))
    assert (encoded[0] - encoded[1]).norm() > 1
    assert (encoded[0] - encoded[2]).norm() > 1
    torch.testing.assert_close(time_encoding(torch.tensor([0.0]), 8), torch.tensor([[0.0] * 4 + [1.0] * 4]))


def test_discriminators_only_name_datasets_that_share_the_pattern():
    heads = Discriminators(8, 3, 3, [(0b001, (0, 1)), (0b010, (2,))])
    pattern = torch.tensor([0b001, 0b010, 0b111])
    logits = heads(torch.randn(3, 8), pattern)
    assert torch.isfinite(logits).tolist() == [[True, True, False], [False, False, True], [False] * 3]
    assert heads.contested(pattern).tolist() == [True, False, False]


def test_each_pattern_has_its_own_discriminator():
    heads = Discriminators(8, 2, 3, [(0b001, (0, 1)), (0b010, (0, 1))])
    features = torch.randn(1, 8)
    first, second = heads(features, torch.tensor([0b001])), heads(features, torch.tensor([0b010]))
    assert not torch.allclose(first, second)
    first.sum().backward()
    assert heads.hidden_PIK.grad[0].abs().sum() > 0
    assert heads.hidden_PIK.grad[1].abs().sum() == 0


@pytest.mark.parametrize("choice", ["dann", "cdan"])
@pytest.mark.parametrize("reversal", [0.0, 0.5])
def test_the_discriminators_gradient_reaches_the_features_reversed_or_not_at_all(make_data, mixed, choice, reversal):
    batch = make_data(mixed(8)).batch(np.arange(8), NAMES, device=CPU)
    model = detector(choice)

    def gradient(strength: float) -> torch.Tensor:
        model.zero_grad()
        torch.where(torch.isfinite(logits := model(batch, strength).domain), logits, 0).pow(2).sum().backward()
        return model.cls.grad

    torch.testing.assert_close(gradient(reversal), reversal * gradient(1.0))
    assert gradient(1.0).abs().sum() > 0


def test_all_encoders_of_the_shape_are_read(make_data, made_item):
    data = make_data([made_item(1, HEAD)])
    model = detector()
    model(data.batch(np.array([0]), NAMES, device=CPU)).fake.sum().backward()
    for name in NAMES:
        assert model.adapters[name][1].weight.grad.abs().sum() > 0, name
        assert model.stream_embedding[name].grad.abs().sum() > 0, name
    detected, adversary = model.detector(), model.adversary()
    assert len(detected) + len(adversary) == len(list(model.parameters()))


def test_large_is_as_designed():
    assert (SIZES["large"].layers, SIZES["large"].heads, SIZES["large"].width) == (4, 8, 512)
