"""A dataset that a split leaves out whole is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from casts import row
from small_media import picture

import unmask
from unmask.manifests.manifest import from_rows
from unmask.manifests.splits.coverage import count_left_out, describe_left_out
from unmask.manifests.splits.schemes import resplit

ROWS = [
    *(row(f"a{n}", n % 2, dataset="with", official=split) for n, split in enumerate(["train"] * 2 + ["test"] * 2)),
    *(row(f"b{n}", n % 2, dataset="without") for n in range(6)),
    row("c0", 0, dataset="partly", official="train"),
    row("c1", 1, dataset="partly"),
]


def test_a_dataset_without_an_official_split_is_named_under_official():
    manifest = resplit(from_rows(ROWS, {}), "official", 0)
    assert count_left_out(manifest) == {"without": 6}
    assert describe_left_out(manifest) == [
        "warning: without: none of its 6 files is in a split of official (no official split is known for its files); "
        "--split default or grouped assigns it"
    ]


@pytest.mark.parametrize(
    ("scheme", "left_out"),
    [
        ("default", {}),
        ("grouped", {}),
        ("cross:with->partly", {"without": 6}),
        ("folds:3/0@without", {"with": 4, "partly": 2}),
    ],
)
def test_every_scheme_counts_the_datasets_that_it_leaves_out(scheme, left_out):
    manifest = resplit(from_rows(ROWS, {}), scheme, 0)
    assert count_left_out(manifest) == left_out
    assert [line.split(":")[1].strip() for line in describe_left_out(manifest)] == list(left_out)


def test_the_line_and_the_json_object_name_it(tmp_path: Path):
    for number in range(6):
        picture(tmp_path / f"data/mine/{'real' if number % 2 else 'fake'}/{number}.png", number)
        folder = ("train", "val", "test")[number % 3]
        picture(tmp_path / f"data/other/{folder}/{'real' if number < 3 else 'fake'}/{number}.png", 9 + number)
    lines: list[str] = []
    work = unmask.Work(tmp_path / "work", say=lines.append)
    for found in (work.scan(tmp_path / "data", split="official", workers=1), work.split("official-strict")):
        assert found.as_json()["datasets_in_no_split"] == {"mine": 6}
        assert sum(line.startswith("warning: mine: none of its 6 files") for line in found.notes()) == 1
    assert sum(line.startswith("warning: mine: none of its 6 files") for line in lines) == 2
    assert work.split("default").as_json()["datasets_in_no_split"] == {}
