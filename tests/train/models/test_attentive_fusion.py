"""Attentive pooling: one learned query per encoder over that encoder's tokens."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from unmask.train.config import TrainConfig
from unmask.train.models.attentive_fusion import AttentiveFusion
from unmask.train.models.detector import Detector
from unmask.train.models.early_fusion import EarlyFusion
from unmask.train.models.modality_slots import CLS, PAD
from unmask.train.models.model_shape import ModelShape

# CLS, two tokens of encoder 0, one of encoder 1, an empty slot; the second clip has nothing of encoder 1.
GROUPS = torch.tensor([[CLS, 0, 0, 1, PAD], [CLS, 0, PAD, PAD, PAD]])
CPU = torch.device("cpu")
NAMES = ("eye", "ear", "ear_two")


@pytest.fixture
def fusion() -> AttentiveFusion:
    torch.manual_seed(0)
    return AttentiveFusion(2, 8, 2, 16, 0.0).eval()


@pytest.fixture
def tokens() -> torch.Tensor:
    """(2, 5, 8)"""
    return torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(1))


def test_a_query_of_zeros_is_the_mean_as_in_early_fusion(fusion, tokens):
    early = EarlyFusion((0, 1), 8, 16, 0.0).eval()
    early.load_state_dict({name: value for name, value in fusion.state_dict().items() if name != "query_EHV"})
    torch.testing.assert_close(fusion(tokens, GROUPS), early(tokens, GROUPS))


def test_each_head_weighs_its_part_of_the_tokens_by_its_own_query(fusion, tokens):
    fusion.query_EHV.data = torch.randn(2, 2, 4, generator=torch.Generator().manual_seed(2))
    pooled_BEW, present_BE = fusion.pool(tokens, GROUPS)
    assert present_BE.tolist() == [[True, True], [True, False]]
    keys = torch.nn.functional.layer_norm(tokens[0, 1:3], (8,)).detach().numpy()
    own, query = tokens[0, 1:3].numpy(), fusion.query_EHV.detach().numpy()
    for head in (0, 1):
        part = slice(4 * head, 4 * head + 4)
        weight = np.exp(keys[:, part] @ query[0, head] / math.sqrt(4))
        expected = weight @ own[:, part] / weight.sum()
        np.testing.assert_allclose(pooled_BEW[0, 0, part].detach().numpy(), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(pooled_BEW[0, 1], tokens[0, 3])
    assert not pooled_BEW[1, 1].any(), "of this encoder the clip has nothing"


def test_the_order_of_the_tokens_and_those_of_other_encoders_do_not_matter(fusion, tokens):
    fusion.query_EHV.data.normal_()
    turned, other = tokens.clone(), tokens.clone()
    turned[0, 1:3] = tokens[0, [2, 1]]
    other[0, 3] = 5.0
    torch.testing.assert_close(fusion.pool(turned, GROUPS)[0], fusion.pool(tokens, GROUPS)[0])
    torch.testing.assert_close(fusion.pool(other, GROUPS)[0][:, 0], fusion.pool(tokens, GROUPS)[0][:, 0])


def test_two_encoders_of_one_modality_are_pooled_apart(make_data, made_item):
    data = make_data([made_item(0, {"eye": 2, "ear": 4, "ear_two": 3}), made_item(1, {"ear": 2})])
    config = TrainConfig(size="small", fusion="attentive", infonce_weight=0.1)
    modalities = tuple(map(data.modality, NAMES))
    torch.manual_seed(0)
    model = Detector(ModelShape.of(config, NAMES, ("a", "b"), ((3, (0, 1)),), modalities=modalities)).eval()
    batch = data.batch(np.arange(2), NAMES, device=CPU)
    _, encoder_BL = model.embed(model.standardize(batch), batch)
    assert [(encoder_BL == number).sum(dim=1).tolist() for number in range(3)] == [[2, 0], [4, 2], [3, 0]]
    assert model.read.fusion.query_EHV.shape[0] == 3
    # The contrastive losses go by modality all the same: both encoders of sound make its vector.
    joint = Detector(ModelShape.of(config.changed({"fusion": "joint"}), NAMES, ("a", "b"), ((3, (0, 1)),),
                                   modalities=modalities)).eval()  # fmt: skip
    joint.load_state_dict(model.state_dict(), strict=False)
    torch.testing.assert_close(model(batch).compared.audio, joint(batch).compared.audio)


def test_the_query_learns_to_look_at_the_token_that_tells():
    """One token of ten tells the class, and bears a mark: the gradient turns the query of its head to the mark."""
    torch.manual_seed(0)
    label_B, place_B, rows = torch.arange(64) % 2, torch.randint(1, 11, (64,)), torch.arange(64)
    x_BLW = torch.randn(64, 11, 8)
    x_BLW[rows, place_B, 0] = 6.0
    x_BLW[rows, place_B, 1] = label_B * 4.0 - 2
    group_BL = torch.tensor([CLS] + [0] * 10).expand(64, -1)
    fusion = AttentiveFusion(1, 8, 2, 16, 0.0)
    for _ in range(10):
        logit_B = fusion.pool(x_BLW, group_BL)[0][:, 0, 1]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logit_B, label_B.float())
        fusion.query_EHV.data -= 5 * torch.autograd.grad(loss, fusion.query_EHV)[0]
    assert fusion.query_EHV[0].flatten().argmax() == 0
    assert fusion.query_EHV[0, 0, 0] > 0.3
    assert not fusion.query_EHV[0, 1].any(), "the other head sees nothing that tells"
