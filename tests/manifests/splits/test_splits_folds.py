"""Over the folds everything is tested once, as far as people can be kept apart."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from casts import leaks, row
from hypothesis import given, settings
from hypothesis import strategies as st
from test_split_datasets import celeb_df, deep_voice

from unmask.core.errors import UsageError
from unmask.manifests.manifest import MediaRow
from unmask.manifests.splits.schemes import assign


def over(rows: list[MediaRow], scheme: str, folds: int, seed: int = 0) -> list[list[MediaRow]]:
    return [assign(rows, scheme.format(fold), seed) for fold in range(folds)]


def times_in(assignments: list[list[MediaRow]], *splits: str) -> Counter[str]:
    return Counter(r.path for rows in assignments for r in rows if r.split in splits)


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 6), min_size=12, max_size=30), folds=st.integers(3, 5), seed=st.integers(0, 3))
def test_over_the_folds_everything_is_tested_once_and_validated_once(sizes, folds, seed):
    rows = [row(f"{p}-{n}", p % 2, f"p{p}") for p, size in enumerate(sizes) for n in range(size)]
    assignments = over(rows, f"folds:{folds}/{{}}", folds, seed)
    names = {r.path for r in rows}
    assert times_in(assignments, "test") == dict.fromkeys(names, 1)
    assert times_in(assignments, "val") == dict.fromkeys(names, 1)
    assert times_in(assignments, "train") == dict.fromkeys(names, folds - 2)
    assert all(leaks(assigned) == {} for assigned in assignments)


def test_folds_are_even_in_label_and_method():
    rows = [row(f"{m}{n}", int(m != "real"), method=m) for m in ("real", "ours", "theirs") for n in range(50)]
    found = Counter((r.method, r.split) for r in assign(rows, "folds:5/2", 0))
    for method in ("none", "ours", "theirs"):
        assert (found[method, "test"], found[method, "val"], found[method, "train"]) == (10, 10, 30)


def test_five_folds_of_celeb_df_keep_people_apart_and_test_every_real():
    assignments = over(celeb_df(), "folds:5/{}", 5)
    assert all(leaks(assigned) == {} for assigned in assignments)
    tested, trained = times_in(assignments, "test"), times_in(assignments, "train")
    reals = {r.path for r in celeb_df() if not r.label}
    assert {tested[name] for name in reals} == {1}
    fakes = {r.path for r in celeb_df() if r.label}
    assert {tested[name] for name in fakes} == {0, 1}  # a swap between people of two folds is tested by none
    assert all(trained[name] for name in fakes)
    for assigned in assignments:
        assert min(Counter((r.label, r.split) for r in assigned if r.split).values()) > 30


def test_leaving_two_speakers_out_tests_all_64_files_of_deep_voice_over_28_folds():
    rows = deep_voice()
    assignments = over(rows, "leave-two-out:deepvoice/{}", 28)
    tested = times_in(assignments, "test")
    assert {tested[r.path] for r in rows if r.label} == {1}
    assert {tested[r.path] for r in rows if not r.label} == {7}
    for assigned in assignments:
        assert leaks(assigned) == {}
        found = Counter((r.label, r.split) for r in assigned)
        assert [found[0, split] for split in ("train", "val", "test")] == [4, 2, 2]
        assert [found[1, split] for split in ("train", "val", "test")] == [12, 2, 2]


def test_the_demonstration_follows_the_pair_and_other_datasets_stay_out():
    rows = [*deep_voice(), row("linus", 0, "deepvoice:biden", dataset="deepvoice_demo"), row("else", 0, "ann")]
    assigned = assign(rows, "leave-two-out:deepvoice/0", 0)
    assert {r.split for r in assigned[-2:]} == {"test", None}
    with pytest.raises(UsageError, match="28 pairs of swapped identities") as refused:
        assign(rows, "leave-two-out:deepvoice/28", 0)
    assert "leave-two-out:deepvoice/27" in refused.value.hint


def fakeavceleb() -> list[MediaRow]:
    chance = random.Random(0)
    people = [f"fakeavceleb:id{n:05}" for n in range(100)]
    types = {"RVRA": (False, False, 1), "RVFA": (False, True, 1), "FVRA": (True, False, 19), "FVFA": (True, True, 21)}
    rows = []
    for person in people:
        for name, (video, audio, count) in types.items():
            for n in range(count):
                donor = chance.sample([p for p in people if p != person], 1) if video else []
                made = row(f"{name}/{person}/{n}", int(video or audio), person, *donor, dataset="fakeavceleb")
                rows.append(MediaRow(**{**_fields(made), "video_fake": video, "audio_fake": audio}))
    return rows


def _fields(made: MediaRow) -> dict[str, object]:
    return {name: getattr(made, name) for name in MediaRow.__slots__}


def test_mrdf_folds_have_people_apart_and_the_four_types_equally_often():
    rows = fakeavceleb()
    assignments = over(rows, "mrdf:{}", 5)
    tested = times_in(assignments, "test")
    assert set(tested.values()) == {1}
    assert Counter(name.split("/")[0] for name in tested) == {"RVRA": 100, "RVFA": 100, "FVRA": 100, "FVFA": 100}
    for assigned in assignments:
        assert leaks(assigned) == {}
        types = Counter((r.path.split("/")[0], r.split) for r in assigned if r.split)
        for split, count in (("train", 60), ("val", 20), ("test", 20)):
            assert [types[name, split] for name in ("RVRA", "RVFA", "FVRA", "FVFA")] == [count] * 4


def test_folds_of_one_dataset_leave_the_others_out():
    rows = [row(str(n), n % 2, dataset=dataset) for dataset in ("mine", "yours") for n in range(20)]
    assigned = assign(rows, "folds:4/0@mine", 0)
    assert {r.split for r in assigned if r.dataset == "yours"} == {None}
    assert Counter(r.split for r in assigned if r.dataset == "mine") == {"train": 10, "val": 5, "test": 5}
