"""Part fusion: every modality is judged alone, and no modality can excuse another."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unmask.metrics.noisy_or import combine_arrays
from unmask.train.config import TrainConfig
from unmask.train.data.batch import Batch
from unmask.train.data.sampler import Sampler
from unmask.train.models.detector import Detector, Outputs
from unmask.train.models.part_fusion import combine_terms
from unmask.train.run_setup import build_shape

CPU = torch.device("cpu")
NAMES = ("eye", "ear")
BOTH = {"eye": 4, "ear": 6}


def build(data, **settings) -> Detector:
    config = TrainConfig(size="small", standardize=False, **settings)
    torch.manual_seed(0)
    return Detector(
        build_shape(data, config, NAMES, Sampler.of(data, NAMES, np.arange(len(data.clips)), config))
    ).eval()


def test_the_noisy_or_is_the_chance_that_any_term_holds():
    logit = torch.tensor([[0.3, -1.2, 2.0], [0.3, -1.2, 2.0], [-40.0, 1.5, 0.0]], dtype=torch.float32)
    present = torch.tensor([[True, True, True], [True, False, True], [True, True, False]])
    chance = 1 - torch.where(present, 1 - torch.sigmoid(logit.double()), 1.0).prod(dim=1)
    torch.testing.assert_close(combine_terms(logit, present).double(), torch.logit(chance), rtol=1e-5, atol=1e-5)
    arrays = combine_arrays(np.where(present.numpy(), logit.numpy(), np.nan))
    np.testing.assert_allclose(arrays, torch.logit(chance).numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("value", [-80.0, -29.0, -3.0, 0.0, 5.0, 80.0])
def test_one_term_is_its_own_noisy_or(value):
    expected = max(value, -30.0)
    logit = torch.tensor([[value, 9.0]], requires_grad=True)
    found = combine_terms(logit, torch.tensor([[True, False]]))
    assert found.item() == pytest.approx(expected, rel=1e-5, abs=1e-5)
    found.sum().backward()
    assert torch.isfinite(logit.grad).all()
    assert combine_arrays(np.array([[value, np.nan]]))[0] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_clip_without_any_term_has_no_score():
    assert np.isnan(combine_arrays(np.full((2, 3), np.nan))).all()


def test_a_further_term_never_lowers_the_score():
    logit = torch.randn(200, 3, generator=torch.Generator().manual_seed(0)) * 4
    two, three = (combine_terms(logit, torch.tensor([[True, True, more]])) for more in (False, True))
    assert (three >= two).all()


def test_the_score_of_a_modality_does_not_depend_on_the_other(make_data, made_item):
    data = make_data([made_item(0, BOTH), made_item(1, BOTH), made_item(1, {"eye": 2, "ear": 9})])
    model, clips = build(data), np.arange(3)
    together = model(data.batch(clips, NAMES, device=CPU))
    nothing = np.zeros(3, np.bool_)
    heard = model(data.batch(clips, NAMES, device=CPU, kept={"image": nothing}))
    seen = model(data.batch(clips, NAMES, device=CPU, kept={"audio": nothing}))
    torch.testing.assert_close(together.audio, heard.fake)
    torch.testing.assert_close(together.video, seen.fake)
    assert (together.fake > torch.maximum(heard.fake, seen.fake)).all()


def test_terms_stand_in_the_order_of_their_names(make_data, made_item):
    data = make_data([made_item(0, BOTH), made_item(1, {"ear": 3}), made_item(1, {"eye": 3})])
    model = build(data)
    assert model.terms == ("image", "audio", "joint")
    outputs = model(data.batch(np.arange(3), NAMES, device=CPU))
    assert outputs.terms is not None
    assert outputs.terms.isnan().tolist() == [[False] * 3, [True, False, True], [False, True, True]]
    torch.testing.assert_close(outputs.terms[0, 0], outputs.video[0])
    torch.testing.assert_close(outputs.terms[1, 1], outputs.fake[1])
    np.testing.assert_allclose(combine_arrays(outputs.terms.detach().numpy()), outputs.fake.detach().numpy(), rtol=1e-4)


def test_a_clip_scores_the_same_alone_and_in_a_batch(make_data, made_item):
    data = make_data(
        [made_item(0, BOTH), made_item(1, {"ear": 9}), made_item(1, {"eye": 1}), made_item(1, {"eye": 7, "ear": 2})]
    )
    model = build(data)
    whole = model(data.batch(np.arange(4), NAMES, device=CPU)).fake
    alone = [model(data.batch(np.array([clip]), NAMES, device=CPU)).fake for clip in range(4)]
    torch.testing.assert_close(whole, torch.cat(alone), rtol=1e-4, atol=1e-5)


def test_each_block_reads_each_token_once_alone_and_the_later_half_once_more_together(
    make_data, made_item, monkeypatch
):
    data = make_data([made_item(0, BOTH), made_item(1, {"ear": 3}), made_item(1, {"ear": 5})])
    model = build(data)
    assert (len(model.read.transformer.blocks), model.read.shared) == (2, 1)
    read: list[list[tuple[int, int]]] = [[], []]
    for number, block in enumerate(model.read.transformer.blocks):
        block.register_forward_pre_hook(lambda _, given, n=number: read[n].append(tuple(given[0].shape[:2])))
    model(data.batch(np.array([1, 2]), NAMES, device=CPU))
    assert read == [[(2, 6)], [(2, 6)]], "clips of one modality: CLS and at most five tokens, once"
    for seen in read:
        seen.clear()
    model(data.batch(np.arange(3), NAMES, device=CPU))
    assert read[0] == [(1, 5), (3, 7)]
    assert read[1] == [(1, 5), (3, 7), (1, 12)], "the clip of both again: CLS, the lag token, 4 + 6 tokens"


def test_gradients_reach_every_head_and_are_finite(make_data, made_item):
    data = make_data([made_item(0, BOTH), made_item(1, {"ear": 3}), made_item(1, {"eye": 3})])
    model = build(data)
    model(data.batch(np.arange(3), NAMES, device=CPU)).fake.sum().backward()
    for name, weight in model.read.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name
    assert all(head[-1].bias.grad != 0 for head in (*model.read.part_heads.values(), model.read.joint_head))


def test_the_linear_term_reads_the_mean_tokens_of_the_own_modality(make_data, made_item):
    data = make_data([made_item(0, {"eye": 4, "ear": 6, "ear_two": 3})])
    names = ("ear", "eye", "ear_two")
    config = TrainConfig(size="small", standardize=False)
    shape = build_shape(data, config, names, Sampler.of(data, names, np.arange(1), config))
    torch.manual_seed(0)
    model = Detector(shape).eval()
    batch = data.batch(np.arange(1), names, device=CPU)
    before = model(batch)
    assert not any(head.weight.any() for head in model.read.linear_heads.values()), "it begins at 0"
    weight_K = torch.randn(2 * 512, generator=torch.Generator().manual_seed(0)) * 0.01
    with torch.no_grad():
        model.read.linear_heads["audio"].weight.copy_(weight_K[None])
    after = model(batch)
    means = [batch.streams[name].tokens.float().mean(dim=0) for name in ("ear", "ear_two")]
    torch.testing.assert_close(after.audio - before.audio, torch.cat(means)[None] @ weight_K, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(after.video, before.video)


def test_without_the_setting_there_is_no_linear_term(make_data, made_item):
    data = make_data([made_item(0, BOTH), made_item(1, BOTH)])
    assert len(build(data, linear_term=False).read.linear_heads) == 0
    assert len(build(data).read.linear_heads) == 2


def run_without_and_with(head: torch.nn.Linear, model: Detector, batch: Batch) -> tuple[Outputs, Outputs]:
    torch.nn.init.zeros_(head.weight)
    before = model(batch)
    with torch.no_grad():
        head.weight.copy_(torch.randn(head.weight.shape, generator=torch.Generator().manual_seed(0)))
    return before, model(batch)


def test_the_joint_logit_has_a_term_of_the_mean_tokens_of_all_modalities(make_data, made_item):
    data = make_data([made_item(0, BOTH), made_item(1, {"ear": 3})])
    model = build(data)
    early, head = model.read.early, model.read.early_head
    batch = data.batch(np.arange(2), NAMES, device=CPU)
    before, after = run_without_and_with(head, model, batch)
    x_BLW, group_BL = model.embed(model.standardize(batch), batch)
    added = (early(x_BLW[:1], group_BL[:1]) @ head.weight[0]).detach()
    torch.testing.assert_close((after.terms - before.terms)[0, -1:], added, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(after.terms[:, :-1], before.terms[:, :-1], equal_nan=True)
    assert after.terms[1, -1].isnan(), "a clip of one modality has no joint logit"


def test_models_without_the_setting_or_of_one_modality_have_no_term_of_all_means(make_data, made_item):
    data = make_data([made_item(0, BOTH), made_item(1, BOTH)])
    assert build(data, joint_means=False).read.early is None
    config = TrainConfig(size="small", standardize=False)
    shape = build_shape(data, config, NAMES[:1], Sampler.of(data, NAMES[:1], np.arange(2), config))
    assert Detector(shape).read.early is None


def test_the_logit_of_a_modality_has_a_term_of_its_own_mean_token(make_data, made_item):
    data = make_data([made_item(0, BOTH), made_item(1, {"ear": 3})])
    model = build(data)
    batch = data.batch(np.arange(2), NAMES, device=CPU)
    early, head = model.read.part_early["audio"], model.read.part_early_heads["audio"]
    before, after = run_without_and_with(head, model, batch)
    x_BLW, group_BL = model.embed(model.standardize(batch), batch)
    added = (early(x_BLW, group_BL) @ head.weight[0]).detach()
    assert added.abs().min() > 0.01
    torch.testing.assert_close(after.audio - before.audio, added, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(after.video, before.video)
    torch.testing.assert_close(after.terms[:1, -1], before.terms[:1, -1])


def test_without_the_setting_no_modality_has_a_term_of_its_mean_token(make_data, made_item):
    data = make_data([made_item(0, BOTH), made_item(1, BOTH)])
    assert not build(data, part_means=False).read.part_early
    assert set(build(data).read.part_early) == {"image", "audio"}
