"""Which clips an epoch trains on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from unmask.train.config import TrainConfig
from unmask.train.data.batch import MODALITIES
from unmask.train.data.sampler import Sampler, find_shared_masks

NAMES = ("eye", "ear", "ear_two", "reader")


def sampler_of(data, config: TrainConfig) -> Sampler:
    return Sampler.of(data, NAMES, data.select(NAMES, "train"), config)


def uneven(made_item) -> list:
    """Two datasets: 40 fakes and 10 reals of one to three clips; 6 fakes and 4 reals."""
    items = [made_item(1, {"eye": 2}, "faceforensics", clips=1 + n % 3) for n in range(40)]
    items += [made_item(0, {"eye": 2}, "faceforensics") for _ in range(10)]
    items += [made_item(1, {"ear": 3}, "deepvoice", "audio") for _ in range(6)]
    items += [made_item(0, {"ear": 3}, "deepvoice", "audio", clips=2) for _ in range(4)]
    return items


def test_every_class_of_every_dataset_is_drawn_equally_often(make_data, made_item):
    data = make_data(uneven(made_item))
    clips = sampler_of(data, TrainConfig(max_repeats=100)).draw(3)
    cells = Counter(zip(data.clips.domain[clips].tolist(), data.clips.label[clips].tolist(), strict=True))
    assert len(cells) == 4
    assert len(set(cells.values())) == 1
    assert abs(len(clips) - len(data.clips)) < 4


def test_within_a_cell_items_are_drawn_evenly_however_many_clips_they_have(make_data, made_item):
    data = make_data(uneven(made_item))
    clips = sampler_of(data, TrainConfig(max_repeats=100)).draw(0)
    per_item = Counter(data.clips.item[clips].tolist())
    for low, high in ((0, 40), (40, 50), (50, 56), (56, 60)):
        counts = [per_item[item] for item in range(low, high)]
        assert max(counts) - min(counts) <= 1


def test_a_handful_of_items_is_not_repeated_without_end(make_data, made_item):
    data = make_data(uneven(made_item))
    clips = sampler_of(data, TrainConfig(max_repeats=3)).draw(0)
    assert max(Counter(data.clips.item[clips].tolist()).values()) == 3


def test_without_balancing_an_epoch_is_every_clip_once(make_data, made_item):
    data = make_data(uneven(made_item))
    clips = sampler_of(data, TrainConfig(balance=False)).draw(0)
    assert sorted(clips.tolist()) == list(range(len(data.clips)))


def test_an_epoch_depends_on_seed_and_number_and_nothing_else(make_data, mixed):
    data = make_data(mixed(40))
    used, fresh = sampler_of(data, TrainConfig(batch_size=4)), sampler_of(data, TrainConfig(batch_size=4))
    for epoch in (1, 2, 5):
        used.steps(epoch)
    flat = [[portion.clips.tolist() for step in s.steps(4) for portion in step] for s in (used, fresh)]
    assert flat[0] == flat[1]
    assert fresh.draw(4).tolist() != fresh.draw(5).tolist()
    assert sampler_of(data, TrainConfig(seed=1)).draw(4).tolist() != fresh.draw(4).tolist()


def test_modality_dropout_never_takes_the_last_one(make_data, mixed):
    data = make_data(mixed(40))
    sampler = sampler_of(data, TrainConfig(modality_dropout=0.9))
    clips = np.tile(np.arange(40), 400)
    keep = sampler.keep(clips, 0)
    present = sampler.lengths[clips] > 0
    assert keep.any(axis=1).all()
    assert not (keep & ~present).any()
    several = present.sum(axis=1) == 3
    # Three modalities, each gone with 0.9: all gone with 0.729, and then one is brought back.
    assert abs(keep[several].sum(axis=1).mean() - (0.3 + 0.729)) < 0.05
    assert len({tuple(row) for row in keep[several].tolist()}) == 7


def test_modality_dropout_never_leaves_only_what_is_genuine_of_a_fake(make_data, made_item):
    both = {"eye": 2, "ear": 2, "reader": 1}
    items = [
        made_item(1, both, video_fake=True, audio_fake=False),
        made_item(1, both, video_fake=False, audio_fake=True),
        made_item(1, both, video_fake=True, audio_fake=True),
        made_item(0, both, video_fake=False, audio_fake=False),
        made_item(1, both),
    ]
    sampler = sampler_of(make_data(items), TrainConfig(modality_dropout=0.9))
    kept = sampler.keep(np.tile(np.arange(5), 500), 0).reshape(500, 5, -1)
    picture, sound = kept[:, :, MODALITIES.index("image")], kept[:, :, MODALITIES.index("audio")]
    assert picture[:, 0].all()
    assert sound[:, 1].all()
    assert (picture | sound)[:, 2].all()
    for free in (3, 4):
        assert not (picture | sound)[:, free].all(), "nothing is known to be forged, so anything may be left"


def test_a_dataset_short_of_one_class_is_drawn_evenly_all_the_same(make_data, made_item):
    common = [made_item(label, {"eye": 1}, "archive", "image") for label in (0, 1) for _ in range(100)]
    rare = [made_item(int(number > 2), {"eye": 1}, "dff") for number in range(200)]
    sampler = sampler_of(make_data(common + rare), TrainConfig())
    drawn = Counter(sampler.cells[np.searchsorted(sampler.clips, sampler.draw(1))].tolist())
    assert drawn == {0: 100, 1: 100, 2: 30, 3: 30} == sampler.shares()
    assert sampler.even_share == 100


@pytest.mark.parametrize("accumulate", [2, 3, 8])
def test_the_clips_of_a_step_depend_on_its_size_alone(make_data, mixed, accumulate: int):
    data = make_data(mixed(200))
    one = sampler_of(data, TrainConfig(batch_size=24)).steps(5)
    many = sampler_of(data, TrainConfig(batch_size=24 // accumulate, accumulate=accumulate)).steps(5)
    for (whole,), parts in zip(one, many, strict=True):
        assert len(parts) == accumulate
        np.testing.assert_array_equal(np.concatenate([part.clips for part in parts]), whole.clips)
        for modality, kept in whole.kept.items():
            np.testing.assert_array_equal(np.concatenate([part.kept[modality] for part in parts]), kept)
    numbers = [part.number for parts in many for part in parts]
    assert numbers == list(range(len(numbers))), "each batch has random numbers of its own"


def test_modality_dropout_zero_keeps_everything(make_data, mixed):
    data = make_data(mixed(8))
    sampler = sampler_of(data, TrainConfig(modality_dropout=0.0))
    clips = np.arange(8)
    np.testing.assert_array_equal(sampler.keep(clips, 0), sampler.lengths[clips] > 0)


def test_batches_hold_every_draw_once_with_little_padding(make_data, mixed):
    data = make_data(mixed(800))
    config = TrainConfig(batch_size=32)
    sampler = sampler_of(data, config)
    portions = [portion for step in sampler.steps(0) for portion in step]
    assert sorted(np.concatenate([p.clips for p in portions]).tolist()) == sorted(sampler.draw(0).tolist())
    assert max(len(portion.clips) for portion in portions) <= 32
    batches = [data.batch(p.clips, NAMES, device=torch.device("cpu"), kept=p.kept) for p in portions]
    slots = sum(len(batch) * batch.slots for batch in batches)
    assert 1 - sum(int(batch.lengths.sum()) for batch in batches) / slots < 0.1
    lengths = [batch.slots for batch in batches]
    assert lengths != sorted(lengths), "the order of the batches is random"


def test_steps_hold_as_many_batches_as_are_accumulated(make_data, mixed):
    sampler = sampler_of(make_data(mixed(60)), TrainConfig(batch_size=4, accumulate=3))
    steps = sampler.steps(0)
    assert {len(step) for step in steps[:-1]} == {3}
    assert len(sampler.steps(7)) == len(steps)


def test_shared_patterns_list_what_dropout_can_show(make_data, made_item):
    data = make_data(
        [
            made_item(1, {"eye": 1}, "archive", "image"),
            made_item(0, {"eye": 2, "ear": 2}, "dff"),
            made_item(0, {"ear": 2}, "deepvoice", "audio", split="test"),
        ]
    )
    assert data.clips.datasets == ("archive", "deepvoice", "dff")
    with_dropout = find_shared_masks(sampler_of(data, TrainConfig()), data.clips.domain)
    assert with_dropout == ((0b001, (0, 2)), (0b010, (2,)), (0b011, (2,)))
    without = find_shared_masks(sampler_of(data, TrainConfig(modality_dropout=0.0)), data.clips.domain)
    assert without == ((0b001, (0,)), (0b011, (2,)))
    assert MODALITIES == ("image", "audio", "text", "metadata")


def test_every_draw_sees_a_view_at_random_and_the_same_one_when_drawn_again(make_data, mixed):
    data = make_data(mixed(40))
    sampler = replace(sampler_of(data, TrainConfig()), views=3)
    seen = [portion.views for step in sampler.steps(1) for portion in step]
    again = [portion.views for step in sampler.steps(1) for portion in step]
    other = [portion.views for step in sampler.steps(2) for portion in step]
    assert sorted(np.unique(np.concatenate(seen))) == [0, 1, 2, 3]
    np.testing.assert_array_equal(np.concatenate(seen), np.concatenate(again))
    assert np.concatenate(seen).tolist() != np.concatenate(other).tolist()


def test_views_change_no_other_draw(make_data, mixed):
    data = make_data(mixed(40))
    plain, seen = sampler_of(data, TrainConfig()), replace(sampler_of(data, TrainConfig()), views=2)
    for one, two in zip(plain.steps(3), seen.steps(3), strict=True):
        assert [p.clips.tolist() for p in one] == [p.clips.tolist() for p in two]
        assert all(p.views is None for p in one)
