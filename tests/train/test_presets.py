"""One suite for the model of every preset: missing modalities, padding, learning by heart, and what each one is."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from one_step import compute_losses

from unmask.metrics.binary import auc
from unmask.train.config import TrainConfig
from unmask.train.data.batch import MODALITIES, Batch
from unmask.train.data.token_data import TokenData
from unmask.train.models.detector import Detector, Outputs
from unmask.train.models.fusions import FUSIONS
from unmask.train.models.model_shape import ModelShape
from unmask.train.optim.optimizer import Weights, clip, make_optimizer
from unmask.train.presets import PRESETS, make_preset

CPU = torch.device("cpu")
NAMES = ("eye", "ear", "ear_two", "reader")
HEAD = {"eye": 4, "ear": 6, "ear_two": 6, "reader": 1}
EVERY_PATTERN = tuple((pattern, (0, 1)) for pattern in range(1, 8))

preset = pytest.mark.parametrize("name", PRESETS)


def model_of(name: str, data: TokenData, **changes: object) -> tuple[Detector, TrainConfig, tuple[str, ...]]:
    config = make_preset(name).model_copy(update={"size": "small"} | changes)
    names = data.choose_encoders(config)
    torch.manual_seed(0)
    datasets = data.clips.datasets if len(data.clips.datasets) > 1 else (*data.clips.datasets, "another")
    shape = ModelShape.of(config, names, datasets, EVERY_PATTERN, data.widths(names), tuple(map(data.modality, names)))
    return Detector(shape).eval(), config, names


def same(one: Outputs, other: Outputs) -> None:
    for field in ("fake", "domain", "features", "video", "audio"):
        torch.testing.assert_close(getattr(one, field), getattr(other, field), msg=lambda m, f=field: f"{f}: {m}")


def batch_of(data: TokenData, names: tuple[str, ...], clips: list[int], **kept: list[bool]) -> Batch:
    masks = {modality: np.array(kept.get(modality, [True] * len(clips))) for modality in MODALITIES}
    return data.batch(np.array(clips), names, device=CPU, kept=masks)


def test_the_suite_is_over_all_presets():
    assert len(PRESETS) == 25
    names = ("image-baseline", "audio-baseline", "video-baseline", "early-fusion", "late-fusion", "cross-attention")
    assert {*names, "contrastive", "full"} < set(PRESETS)
    assert {make_preset(name).fusion for name in PRESETS} == set(FUSIONS)
    assert {make_preset(name).domain_loss for name in PRESETS} == {"none", "dann", "cdan", "coral"}


@preset
def test_masking_a_modality_equals_never_having_had_it(make_data, made_item, name: str):
    whole = make_data([made_item(1, HEAD, start_s=50.0)])
    model, config, names = model_of(name, whole)
    tested = 0
    for gone in config.modalities if len(config.modalities) > 1 else ():
        masked = model(batch_of(whole, names, [0], **{gone: [False]}))
        lengths = {stream: length for stream, length in HEAD.items() if whole.modality(stream) != gone}
        never = make_data([made_item(1, lengths, start_s=50.0)])
        same(masked, model(batch_of(never, names, [0])))
        assert not torch.allclose(masked.fake, model(batch_of(whole, names, [0])).fake)
        assert torch.isfinite(masked.fake).all()
        tested += 1
    assert tested == {"image-baseline": 0, "audio-baseline": 0, "video-baseline": 0}.get(name, 3)


@preset
def test_masking_beside_clips_that_keep_it_changes_nothing_either(make_data, made_item, name: str):
    data = make_data([made_item(1, HEAD), made_item(0, HEAD)])
    model, config, names = model_of(name, data)
    for kept in config.modalities:
        gone = {modality: [True, False] for modality in config.modalities if modality != kept}
        both = model(batch_of(data, names, [0, 1], **gone))
        alone = model(batch_of(data, names, [1], **{modality: [False] for modality in gone}))
        torch.testing.assert_close(both.fake[1:], alone.fake)
        torch.testing.assert_close(both.features[1:], alone.features)


@preset
def test_a_clip_scores_the_same_alone_and_in_a_batch(make_data, mixed, name: str):
    data = make_data(mixed(12))
    model, _, names = model_of(name, data)
    clips = data.select(names).tolist()
    together = model(batch_of(data, names, clips))
    for row, number in enumerate(clips):
        alone = model(batch_of(data, names, [number]))
        for field in ("fake", "features"):
            torch.testing.assert_close(getattr(alone, field)[0], getattr(together, field)[row])
    assert len(clips) == {"image-baseline": 9, "video-baseline": 9, "audio-baseline": 6}.get(name, 12)


@preset
def test_a_loaded_shape_builds_the_same_model(make_data, made_item, name: str):
    data = make_data([made_item(1, HEAD)])
    model, _, _ = model_of(name, data)
    kept = {field.name: getattr(model.shape, field.name) for field in fields(ModelShape)}
    assert {n: p.shape for n, p in Detector(ModelShape(**kept)).named_parameters()} == {
        n: p.shape for n, p in model.named_parameters()
    }


@preset
def test_every_parameter_learns_from_one_step(make_data, made_item, name: str):
    """A parameter that the loss does not reach would never be trained, and would stop several processes."""
    sides = [("fakeavceleb", 0), ("fakeavceleb", 1), ("celeb_df", 0), ("celeb_df", 1)] * 2
    items = [made_item(label, HEAD, own, video_fake=bool(label), audio_fake=bool(label)) for own, label in sides]
    data = make_data(items)
    model, config, names = model_of(name, data)
    batch = batch_of(data, names, list(range(8)))
    compute_losses(model, config, batch, outputs=model(batch, 0.5)).total.backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    assert [name for name, gradient in gradients.items() if gradient is None] == []
    # The head of a modality that the preset leaves out has no clip to learn from.
    idle = {part for part, modality in (("video", "image"), ("audio", "audio")) if modality not in config.modalities}
    still = {name for name, gradient in gradients.items() if not gradient.any()}
    assert all(name.startswith(tuple(f"read.heads.{part}." for part in idle)) for name in still), still


@preset
def test_half_precision_gives_numbers_near_those_of_full_precision(make_data, mixed, name: str):
    data = make_data(mixed(12))
    model, config, names = model_of(name, data)
    batch = batch_of(data, names, data.select(names).tolist())
    whole = model(batch)
    with torch.autocast("cpu", torch.bfloat16):
        half = model(batch, 0.5)
    torch.testing.assert_close(half.fake, whole.fake, atol=0.05, rtol=0.05)
    config = config.model_copy(update={"gradient_penalty": 1.0})
    compute_losses(model, config, batch, outputs=half).total.backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters() if parameter.grad is not None)


@preset
def test_32_clips_are_learned_by_heart(make_data, made_item, name: str):
    data = make_data([made_item(number % 2, {"eye": 3, "ear": 3}, signal=0.0) for number in range(32)])
    model, config, names = model_of(name, data, **QUICK)
    assert learned(model, config, batch_of(data, names, list(range(32))), stop=True) == 1.0


@preset
def test_true_labels_are_learned_and_shuffled_ones_tell_nothing_of_other_clips(make_data, made_item, name: str):
    count = 96
    data = make_data([made_item(number % 2, {"eye": 2, "ear": 2}, signal=2.0) for number in range(2 * count)])
    order = torch.from_numpy(np.random.default_rng(5).permutation(2 * count))
    found = {}
    for kind in ("true", "shuffled"):
        model, config, names = model_of(name, data, **QUICK)
        known, held_out = (batch_of(data, names, list(range(start, start + count))) for start in (0, count))
        if kind == "shuffled":
            labels = torch.cat([known.label, held_out.label])[order]
            known, held_out = replace(known, label=labels[:count]), replace(held_out, label=labels[count:])
        learned(model, config, known, steps=20)
        found[kind] = auc_on(model, held_out)
    assert found["true"] > 0.95
    # Of 96 clips of two equal classes a guess has a standard deviation of 0.06.
    assert 0.32 < found["shuffled"] < 0.68


QUICK = {"dropout": 0.0, "modality_dropout": 0.0, "lr": 3e-3}


def learned(model: Detector, config: TrainConfig, batch: Batch, steps: int = 40, *, stop: bool = False) -> float:
    """AUC on the batch that it was trained on; `stop`: as soon as it is 1, which it is after 10 to 20 steps."""
    optimizer, weights = make_optimizer(model, config), Weights.of(model, model)
    model.train()
    for step in range(1, steps + 1):
        compute_losses(model, config, batch, outputs=model(batch, 0.05)).total.backward()
        clip(weights, config.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        if stop and step % 10 == 0 and auc_on(model.eval(), batch) == 1.0:
            break
        model.train()
    return auc_on(model.eval(), batch)


def auc_on(model: Detector, batch: Batch) -> float:
    with torch.inference_mode():
        return auc(batch.label.numpy() == 1, model(batch).fake.numpy())
