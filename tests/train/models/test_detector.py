"""The detector: padding, missing modalities, discriminators."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unmask.train.auto_size import SIZES
from unmask.train.config import TrainConfig
from unmask.train.models.detector import Detector
from unmask.train.models.domain_discriminators import Discriminators
from unmask.train.models.modality_slots import CLS, PAD
from unmask.train.models.model_shape import ModelShape
from unmask.train.models.transformer_fusion import Block, TransformerFusion, time_encoding

CPU = torch.device("cpu")
NAMES = ("eye", "ear", "ear_two", "reader")
HEAD = {"eye": 4, "ear": 6, "ear_two": 6, "reader": 1}
EVERY_PATTERN = tuple((pattern, (0, 1)) for pattern in range(1, 8))


def detector(choice: str = "dann", shared=EVERY_PATTERN) -> Detector:
    config = TrainConfig(size="small", fusion="joint", domain_loss=choice)
    torch.manual_seed(0)
    return Detector(ModelShape.of(config, NAMES, ("a", "b"), shared)).eval()


@pytest.mark.parametrize("pattern", ["joint", "within", "cross"])
def test_what_lies_in_padded_slots_is_never_attended_to(pattern):
    torch.manual_seed(0)
    fusion = TransformerFusion(3, 16, heads=2, feedforward=32, dropout=0.0, pattern=pattern).eval()
    x_BLW = torch.randn(2, 7, 16)
    group_BL = torch.tensor([[CLS, 0, 0, 0, 1, 1, 1], [CLS, 0, 1, 1, PAD, PAD, PAD]])
    poisoned = x_BLW.clone()
    poisoned[1, 4:] = 1e4
    torch.testing.assert_close(fusion(poisoned, group_BL), fusion(x_BLW, group_BL))


def test_asking_for_cls_alone_gives_the_numbers_of_the_whole_block():
    torch.manual_seed(0)
    fusion = TransformerFusion(layers=2, width=16, heads=2, feedforward=32, dropout=0.0).eval()
    x_BLW, used_B1L = torch.randn(2, 5, 16), torch.ones(2, 1, 5, dtype=torch.bool)
    whole = x_BLW
    for block in fusion.blocks:
        whole = block(whole, used_B1L)
    group_BL = torch.tensor([[CLS, 0, 0, 1, 1]] * 2)
    torch.testing.assert_close(fusion(x_BLW, group_BL), fusion.norm(whole[:, 0]))


def test_cls_alone_has_the_gradients_of_the_whole_block_without_keys_and_values_of_the_slots():
    torch.manual_seed(0)
    block = Block(16, heads=2, feedforward=32, dropout=0.0)
    x_BLW = torch.randn(3, 6, 16, requires_grad=True)
    seen_B1L = torch.tensor([[True] * 6, [True] * 4 + [False] * 2, [True] + [False] * 5])[:, None]
    given = [x_BLW, *block.parameters()]
    alone, whole = block(x_BLW, seen_B1L, cls_only=True)[:, 0], block(x_BLW, seen_B1L)[:, 0]
    torch.testing.assert_close(alone, whole)
    ours, theirs = (torch.autograd.grad(z_BW.square().sum(), given) for z_BW in (alone, whole))
    for mine, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, expected, atol=1e-5, rtol=1e-4)


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
    assert heads.find_contested(pattern).tolist() == [True, False, False]


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
