"""The schemes on casts as large and as tangled as the published datasets."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from casts import cells, leaks, row, splits_by_name

from unmask.manifests.datasets import faceforensics
from unmask.manifests.manifest import MediaRow
from unmask.manifests.splits.schemes import assign

LEAK_PROOF = ("default", "grouped")


def deep_voice() -> list[MediaRow]:
    people = [f"deepvoice:{name}" for name in ("biden", "linus", "margot", "musk", "obama", "ryan", "taylor", "trump")]
    rows = [row(f"{p}-original", 0, p, dataset="deepvoice") for p in people]
    return rows + [row(f"{a}-to-{b}", 1, a, b, dataset="deepvoice") for a in people for b in people if a != b]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("scheme", LEAK_PROOF)
def test_deep_voices_eight_speakers_are_cut_four_two_two_and_keep_24_of_64_files(scheme, seed):
    assigned = assign(deep_voice(), scheme, seed)
    found = cells(assigned)
    assert [found["deepvoice", 0, split] for split in ("train", "val", "test")] == [4, 2, 2]
    assert [found["deepvoice", 1, split] for split in ("train", "val", "test")] == [12, 2, 2]
    assert found["deepvoice", 1, None] == 40
    assert leaks(assigned) == {}


def test_both_parts_of_deep_voice_share_one_decision():
    demo = [
        row("linus-original", 0, "deepvoice:linus", dataset="deepvoice_demo"),
        row("linus-to-musk", 1, "deepvoice:linus", "deepvoice:musk", dataset="deepvoice_demo"),
    ]
    assigned = assign(deep_voice() + demo, "default", 0)
    split = {r.people[0]: r.split for r in assigned if r.dataset == "deepvoice" and not r.label}
    original, swap = assigned[-2:]
    assert original.split == split["deepvoice:linus"]
    assert swap.split == (original.split if split["deepvoice:musk"] == original.split else None)


def celeb_df() -> list[MediaRow]:
    people = [f"celeb:id{n}" for n in range(59)]
    chance = random.Random(0)
    rows = [row(f"{p}_{n}", 0, p, dataset="celeb_df") for p in people for n in range(10)]
    for n in range(2000):
        target, source = chance.sample(people, 2)
        rows.append(row(f"{target}_{source}_{n}", 1, target, source, dataset="celeb_df"))
    return rows + [row(f"yt{n}", 0, dataset="celeb_df") for n in range(300)]


def test_celeb_dfs_people_are_grouped_and_crossing_swaps_left_out():
    assigned = assign(celeb_df(), "grouped", 0)
    found = cells(assigned)
    assert leaks(assigned) == {}
    assert all(found["celeb_df", 0, split] >= 100 for split in ("train", "val", "test"))
    assert all(found["celeb_df", 1, split] >= 50 for split in ("train", "val", "test"))
    assert found["celeb_df", 0, None] == 0


def test_celeb_dfs_list_is_the_test_and_only_what_it_does_not_touch_is_trained_on():
    listed = {f"celeb:id{n}" for n in range(10)}
    rows = [replace(r, official_split="test" if set(r.people) <= listed and r.people else "train") for r in celeb_df()]
    assigned = assign(rows, "default", 0)
    assert leaks(assigned) == {}
    assert all(r.split == "test" for r in assigned if r.official_split == "test")
    for r in assigned:
        if r.official_split == "train":
            assert (r.split is None) == bool(set(r.people) & listed)


def ffpp() -> list[MediaRow]:
    """All 1,000 sequences and both swaps of each published pair."""
    official = faceforensics.read_official_splits()
    rows = [
        row(s, 0, dataset="faceforensics", sources=faceforensics.make_sources(s), official=official[s])
        for s in sorted(official)
    ]
    for split in faceforensics.SPLITS:
        for pair in faceforensics._load(f"{split}.json"):
            for a, b in (pair, pair[::-1]):
                keys = faceforensics.make_sources(a, b)
                rows.append(row(f"{a}_{b}", 1, dataset="faceforensics", sources=keys, official=split))
    return rows


def test_the_published_split_of_faceforensics_leaks_seven_videos():
    assert len(leaks(assign(ffpp(), "official", 0, allow_leaks=True))) == 7


def test_official_is_all_of_faceforensics_and_strict_is_without_the_seven_pairs_that_straddle_it():
    published = assign(ffpp(), "official", 0, allow_leaks=True)
    strict = assign(ffpp(), "official-strict", 0)
    sequences = Counter(r.split for r in published if not r.label)
    assert sequences == {"train": 720, "val": 140, "test": 140}
    straddling = ["605/606", "639/640", "755/756", "837/838", "875/876", "954/955", "982/983"]
    out = {r.path for r in strict if r.split is None and not r.label}
    assert len(out) == 7
    for before, after in zip(published, strict, strict=True):
        assert after.split in (before.split, None)
    for pair in straddling:  # of each, the one in test or val stays
        assert len(out & set(pair.split("/"))) == 1, pair
    # A swap goes when one of its two sequences shares a video with a more held-out split.
    fakes_out = [r.path for r in strict if r.split is None and r.label]
    assert fakes_out
    assert all(out & set(name.split("_")) for name in fakes_out)


def test_default_keeps_the_published_test_of_faceforensics_and_drops_what_shares_a_video_with_it():
    assigned = assign(ffpp(), "default", 0)
    splits = splits_by_name(assigned)
    assert leaks(assigned) == {}
    assert all(r.split == "test" for r in assigned if r.official_split == "test")
    dropped = {r.path for r in assigned if r.split is None and not r.label}
    assert len(dropped) == 7
    assert (splits["755"], splits["756"]) == ("test", None)
    assert Counter(r.split for r in assigned if not r.label) == {"train": 713, "val": 140, "test": 140, None: 7}
