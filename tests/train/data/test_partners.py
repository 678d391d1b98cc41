"""Paired drawing: a fake beside a real clip of its source, in one batch."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from unmask.train.config import TrainConfig
from unmask.train.data.partners import Partners, cut_between_pairs, list_even_ends, shuffle_pairs
from unmask.train.data.sampler import Sampler
from unmask.train.fit import fit
from unmask.train.run_folder import run_key

NAMES = ("eye", "ear", "ear_two", "reader")
EYE, BOTH = {"eye": 2}, {"eye": 3, "ear": 5}


def sampler_of(data, **settings) -> Sampler:
    config = TrainConfig(**{"batch_size": 8, "paired": True, "max_repeats": 100} | settings)
    return Sampler.of(data, NAMES, data.select(NAMES, "train"), config)


def partners_of(data) -> dict[int, list[int]]:
    """Fake clip -> its partners."""
    found = sampler_of(data).partners
    return {
        clip: sorted(found.real[found.start[clip] : found.start[clip] + found.count[clip]].tolist())
        for clip in np.flatnonzero(found.count).tolist()
    }


def forged(made_item) -> list:
    """Five recordings: one has four forgeries, two have one, two have none. And two forgeries of unknown origin."""
    reals = [made_item(0, BOTH, "celeb_df", sources=(f"r{number}",)) for number in range(5)]
    fakes = [made_item(1, EYE, "celeb_df", sources=(f"r{source}",)) for source in (0, 0, 0, 0, 1, 2)]
    return [*reals, *fakes, made_item(1, BOTH, "celeb_df"), made_item(1, BOTH, "celeb_df", sources=("other",))]


def test_a_partner_shows_the_first_source_that_training_has_else_the_identity(make_data, made_item):
    items = [
        made_item(0, EYE, sources=("target",)),
        made_item(0, EYE, sources=("donor",)),
        made_item(0, EYE, people=("ann",)),
        made_item(1, EYE, sources=("target", "donor"), people=("ann",)),
        made_item(1, EYE, sources=("elsewhere", "donor"), people=("ann",)),
        made_item(1, EYE, sources=("elsewhere",), people=("bob", "ann")),
        made_item(1, EYE, sources=("elsewhere",), people=("bob",)),
        made_item(1, EYE),
    ]
    assert partners_of(make_data(items)) == {3: [0], 4: [1], 5: [2]}


def test_a_partner_is_a_training_clip_of_the_same_dataset_and_kind(make_data, made_item):
    items = [
        made_item(0, EYE, sources=("a",), split="val"),
        made_item(0, EYE, "dff", sources=("a",)),
        made_item(0, EYE, kind="image", sources=("a",)),
        made_item(1, EYE, sources=("a",)),
    ]
    assert partners_of(make_data(items)) == {}


def test_a_partner_shows_the_same_seconds_where_it_has_them(make_data, made_item):
    items = [made_item(0, EYE, sources=("a",), clips=2), made_item(1, EYE, sources=("a",), clips=3)]
    assert partners_of(make_data(items)) == {2: [0], 3: [1], 4: [0, 1]}


@pytest.mark.parametrize("settings", [{}, {"balance": False}, {"batch_size": 4, "accumulate": 2}, {"batch_size": 3}])
def test_every_pair_is_in_one_batch(make_data, made_item, settings):
    data = make_data(forged(made_item) * 3)
    sampler = sampler_of(data, **settings)
    together = 0
    for epoch in range(4):
        clips, beside = sampler.pair(sampler.draw(epoch), epoch)
        expected = Counter((clips[row], clips[fake]) for row, fake in enumerate(beside.tolist()) if row != fake)
        for portion in (portion for step in sampler.steps(epoch) for portion in step):
            inside = Counter(zip(portion.clips[1:].tolist(), portion.clips[:-1].tolist(), strict=True))
            together += sum((inside & expected).values())
            expected -= inside
        assert not expected, "some pair was parted"
    assert together > 0


def test_the_clips_of_a_pair_lose_the_same_modalities_and_have_the_same_augmentation(make_data, made_item):
    data = make_data([made_item(label, BOTH, sources=(f"r{n}",)) for n in range(12) for label in (0, 1)])
    sampler = replace(sampler_of(data, modality_dropout=0.5), views=3)
    for portion in (portion for step in sampler.steps(1) for portion in step):
        fakes, reals = slice(0, None, 2), slice(1, None, 2)
        assert data.clips.origins[portion.clips[fakes]].tolist() == data.clips.origins[portion.clips[reals]].tolist()
        for column in (*portion.kept.values(), portion.views):
            np.testing.assert_array_equal(column[fakes], column[reals])


def test_numbers_of_draws_stay_and_real_clips_without_a_fake_are_drawn_as_before(make_data, made_item):
    data = make_data([*forged(made_item), *(made_item(n % 2, EYE, "archive", "image") for n in range(6))])
    plain, paired = sampler_of(data, paired=False), sampler_of(data)
    for epoch in range(3):
        before, after = plain.draw(epoch), paired.pair(paired.draw(epoch), epoch)[0]
        assert len(before) == len(after)
        cells = 2 * data.clips.domain + data.clips.label
        assert Counter(cells[before].tolist()) == Counter(cells[after].tolist())
        lone = ~paired.partners.is_partner
        assert sorted(before[lone[before]].tolist()) == sorted(after[lone[after]].tolist())
        assert {3, 4} <= set(after.tolist()), "no fake is made from these"


def test_real_clips_are_drawn_as_often_as_their_fakes(make_data, made_item):
    data = make_data(forged(made_item))
    sampler = sampler_of(data, batch_size=64)
    count = Counter[int]()
    for epoch in range(60):
        clips, beside = sampler.pair(sampler.draw(epoch), epoch)
        pairs = clips[beside != np.arange(len(clips))]
        assert len(pairs) == np.isin(clips, (0, 1, 2)).sum(), "each draw of a recording with forgeries is in a pair"
        count.update(pairs.tolist())
    total = sum(count.values())
    assert [count[clip] / total for clip in (0, 1, 2)] == pytest.approx([4 / 6, 1 / 6, 1 / 6], abs=0.06)


@pytest.mark.parametrize("accumulate", [2, 4, 8])
def test_the_clips_of_a_step_depend_on_its_size_alone_in_pairs_too(make_data, made_item, accumulate: int):
    data = make_data(forged(made_item) * 5)
    whole = sampler_of(data).steps(3)
    split = sampler_of(data, batch_size=8 // accumulate, accumulate=accumulate).steps(3)
    for (one,), parts in zip(whole, split, strict=True):
        np.testing.assert_array_equal(np.concatenate([part.clips for part in parts]), one.clips)
        assert max(len(part.clips) for part in parts) <= 8 // accumulate + 1
    assert {len(sampler_of(data, batch_size=5).steps(epoch)) for epoch in range(9)} == {14}, "of 66 clips"


def test_an_epoch_in_pairs_depends_on_seed_and_number_and_nothing_else(make_data, made_item):
    data = make_data(forged(made_item) * 2)
    used, fresh = sampler_of(data), sampler_of(data)
    used.steps(1)
    flat = [[part.clips.tolist() for step in sampler.steps(2) for part in step] for sampler in (used, fresh)]
    assert flat[0] == flat[1]
    assert flat[0] != [part.clips.tolist() for step in fresh.steps(3) for part in step]
    assert flat[0] != [part.clips.tolist() for step in sampler_of(data, seed=1).steps(2) for part in step]


def test_without_pairs_rows_are_shuffled_and_cut_as_before():
    alone, random = np.arange(50), np.random.default_rng(3)
    np.testing.assert_array_equal(shuffle_pairs(alone, random), np.random.default_rng(3).permutation(50))
    parts = cut_between_pairs(alone, list_even_ends(50, 7), alone)
    assert [part.tolist() for part in parts] == [part.tolist() for part in np.array_split(alone, 7)]


def test_no_cut_parts_a_pair():
    beside = np.array([0, 0, 2, 3, 3, 5])
    assert [part.tolist() for part in cut_between_pairs(np.arange(6), [1, 4], beside)] == [[0, 1, 2], [3, 4, 5]]
    order = shuffle_pairs(beside, np.random.default_rng(0)).tolist()
    assert sorted(order) == list(range(6))
    assert order.index(1) == order.index(0) + 1
    assert order.index(4) == order.index(3) + 1


def test_a_training_says_how_many_fakes_have_a_partner_and_its_key_knows_the_sources(
    make_data, made_item, tmp_path, caplog
):
    def items(source: str) -> list:
        val = [made_item(n % 2, EYE, split="val") for n in range(4)]
        reals = [made_item(0, EYE, sources=(f"r{n}",)) for n in range(4)]
        return [*val, *reals, *(made_item(1, EYE, sources=(f"{source}{n}",)) for n in (0, 0, 1, 7))]

    config = TrainConfig(size="small", epochs=1, batch_size=4, paired=True)
    data, other = make_data(items("r")), make_data(items("s"))
    with caplog.at_level("INFO", "unmask"):
        fit(data, config, tmp_path / "run", device=torch.device("cpu"))
    assert "paired: 3 of 4 fake items have real clips of their source or identity in training" in caplog.text
    assert run_key(config, data) != run_key(config, other)
    plain = config.changed({"paired": False})
    assert run_key(plain, data) == run_key(plain, other)


def test_the_partners_of_no_clip_are_none(make_data, made_item):
    data = make_data([made_item(0, EYE), made_item(1, EYE)])
    found = Partners.find(data.clips, np.arange(2), np.array([False, True]))
    clips, beside = found.pair(np.array([1, 0, 1]), np.random.default_rng(0))
    assert (clips.tolist(), beside.tolist()) == ([1, 0, 1], [0, 1, 2])
