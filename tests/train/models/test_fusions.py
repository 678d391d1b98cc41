"""Who attends to whom, and how the modalities are brought together, in each kind of fusion."""

from __future__ import annotations

import pytest
import torch

from unmask.train.config import TrainConfig
from unmask.train.models.early_fusion import EarlyFusion
from unmask.train.models.late_fusion import LateFusion
from unmask.train.models.modality_slots import CLS, PAD, gather_tokens, mean_pool
from unmask.train.models.model_shape import ModelShape
from unmask.train.models.transformer_fusion import TransformerFusion, across_modalities, within_modality

# CLS, two tokens of modality 0, one of modality 1, an empty slot.
GROUPS = torch.tensor([[CLS, 0, 0, 1, PAD]])


def seen(mask: torch.Tensor) -> list[list[int]]:
    return [row.nonzero().flatten().tolist() for row in mask[0]]


def test_within_a_modality_each_token_sees_its_own_and_cls():
    assert seen(within_modality(GROUPS)) == [[0], [0, 1, 2], [0, 1, 2], [0, 3], [0]]


def test_across_modalities_each_token_sees_the_others_and_cls_and_back():
    assert seen(across_modalities(GROUPS)) == [[0], [0, 3], [0, 3], [0, 1, 2], [0]]


def influence(pattern: str, blocks: int = 1) -> torch.Tensor:
    """(L, L): does slot i, after all blocks but the last, change with slot j."""
    torch.manual_seed(0)
    fusion = TransformerFusion(blocks + 1, 8, heads=2, feedforward=16, dropout=0.0, pattern=pattern)
    x_BLW = torch.randn(1, 5, 8)

    def through(x: torch.Tensor) -> torch.Tensor:
        for number, block in enumerate(fusion.blocks[:-1]):
            x = block(x, (GROUPS != PAD)[:, None] if pattern == "joint" else fusion._seen(GROUPS, number))
        return x[0]

    rows = torch.autograd.functional.jacobian(through, x_BLW)[:, :, 0]
    return rows.abs().sum(dim=(1, 3)) > 1e-7


def test_without_cross_modal_attention_no_token_knows_of_another_modality_at_any_depth():
    for depth in (1, 3):
        found = influence("within", depth)
        assert not found[1:3, 3].any()
        assert not found[3, 1:3].any()
        assert found[1, 2]
        assert found[0].tolist() == [True, False, False, False, False], "CLS carries nothing across"


def test_cross_attention_reaches_the_other_modality_in_one_block_and_its_own_in_the_next():
    first = influence("cross", 1)
    assert first[1:3, 3].all()
    assert first[3, 1:3].all()
    assert not first[1, 2]
    assert influence("cross", 2)[1, 2]


def test_joint_fusion_reaches_everything_in_one_block():
    assert influence("joint")[:4, :4].all()


def test_the_three_patterns_have_the_same_weights():
    counts = {
        p: sum(w.numel() for w in TransformerFusion(2, 8, 2, 16, 0.0, p).parameters())
        for p in ("joint", "within", "cross")
    }
    assert len(set(counts.values())) == 1


def test_early_fusion_is_one_layer_over_the_means_side_by_side():
    torch.manual_seed(0)
    fusion = EarlyFusion((0, 1), 4, 8, 0.0).eval()
    x_BLW = torch.randn(1, 5, 4)
    side_by_side = torch.cat([x_BLW[0, 1:3].mean(dim=0), x_BLW[0, 3]])
    layer = torch.cat([first.weight for first in fusion.first], dim=1)
    torch.testing.assert_close(fusion(x_BLW, GROUPS)[0], fusion.mlp(x_BLW[0, 0] + layer @ side_by_side / 2))


def test_early_fusion_does_not_take_a_missing_modality_for_a_vector_of_zeros():
    torch.manual_seed(0)
    fusion = EarlyFusion((0, 1), 4, 8, 0.0).eval()
    x_BLW = torch.randn(1, 3, 4)
    missing = fusion(x_BLW, torch.tensor([[CLS, 0, 0]]))
    zeros = fusion(torch.cat([x_BLW, torch.zeros(1, 1, 4)], dim=1), torch.tensor([[CLS, 0, 0, 1]]))
    assert not torch.allclose(missing, zeros)


MOST = {"image": 2, "audio": 2}


@pytest.fixture
def late() -> LateFusion:
    torch.manual_seed(0)
    return LateFusion((0, 1), lambda: TransformerFusion(2, 8, 2, 16, 0.0), 8, 0.0).eval()


def test_late_fusion_averages_logits_with_learned_weights_over_the_modalities_present(late):
    late.weight_M.data = torch.tensor([0.0, 1.0]).log1p()  # e^w: 1 and 2
    both, sound = torch.tensor([[CLS, 0, 0, 1, PAD]]), torch.tensor([[CLS, 1, PAD, PAD, PAD]])
    torch.testing.assert_close(late.share(both), torch.tensor([[1 / 3, 2 / 3]]))
    torch.testing.assert_close(late.share(sound), torch.tensor([[0.0, 1.0]]))
    x_BLW = torch.randn(1, 5, 8)
    picture_only, sound_only = torch.tensor([[CLS, 0, 0, PAD, PAD]]), torch.tensor([[CLS, PAD, PAD, 1, PAD]])
    expected = late(x_BLW, picture_only, MOST).fake / 3 + 2 * late(x_BLW, sound_only, MOST).fake / 3
    torch.testing.assert_close(late(x_BLW, both, MOST).fake, expected)


def test_in_late_fusion_the_image_is_scored_by_the_image_alone(late):
    x_BLW = torch.randn(1, 5, 8)
    other = x_BLW.clone()
    other[:, 3] = torch.randn(8)
    one, two = late(x_BLW, GROUPS, MOST), late(other, GROUPS, MOST)
    torch.testing.assert_close(one.video, two.video)
    assert not torch.allclose(one.audio, two.audio)
    assert not torch.allclose(one.fake, two.fake)


def test_the_tokens_of_one_modality_are_moved_together_in_their_order():
    group = torch.tensor([[CLS, 1, 0, 1, PAD], [CLS, 0, PAD, PAD, PAD]])
    x = torch.arange(10.0).reshape(2, 5, 1)
    tokens, used = gather_tokens(x, group, 1, 2)
    assert used.tolist() == [[True, True], [False, False]]
    assert tokens[0, :, 0].tolist() == [1.0, 3.0]
    mean, present = mean_pool(x, group, (0, 1))
    assert mean[..., 0].tolist() == [[2.0, 2.0], [6.0, 0.0]]
    assert present.tolist() == [[True, True], [True, False]]


def test_fusions_that_tell_modalities_apart_must_be_told_them():
    assert ModelShape.of(TrainConfig(size="small", fusion="joint"), ("eye", "ear"), ("a",), ()).groups == (0, 0)
    told = TrainConfig(size="small", fusion="late")
    assert ModelShape.of(told, ("eye", "ear"), ("a",), (), modalities=("image", "audio")).groups == (0, 1)
    for settings in ({"fusion": "early"}, {"fusion": "within"}, {"infonce_weight": 1.0}):
        with pytest.raises(ValueError, match="0 modalities for the tokens of 2 encoders"):
            ModelShape.of(TrainConfig(size="small", **settings), ("eye", "ear"), ("a",), ())
