"""A split that leaks is refused, and one that was allowed to leak says so."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from casts import leaks, row, splits_by_name

from unmask.core.errors import UsageError
from unmask.manifests.manifest import from_rows
from unmask.manifests.splits.leaks import count_allowed_leaks, find_manifest_leaks
from unmask.manifests.splits.schemes import assign, resplit

ROWS = [
    row("1", 0, "ann", official="train"),
    row("2", 1, "ann", official="test"),
    row("3", 1, "bob"),
    row("4", 0, "cid", official="train"),
    row("5", 0, content="same", official="train"),
    row("6", 0, content="same", official="val"),
]


def test_official_is_refused_with_the_leaks_and_two_ways_out():
    with pytest.raises(UsageError) as refused:
        assign(ROWS, "official", 7)
    assert "2 identities, sources or files" in refused.value.problem
    assert "ann (train 1, test 1)" in refused.value.problem
    assert "same-file same (train 1, val 1)" in refused.value.problem
    assert "official-strict" in refused.value.hint
    assert "--allow-leaks" in refused.value.hint


def test_allowed_leaks_keep_what_is_published_and_mark_it_for_ever():
    assigned = assign(ROWS, "official", 7, allow_leaks=True)
    assert splits_by_name(assigned) == {
        "1": "train",
        "2": "test",
        "3": None,
        "4": "train",
        "5": "train",
        "6": "val",
    }
    assert {r.split_scheme for r in assigned} == {"official-v2+leaks:2"}
    assert leaks(assigned) == {"ann": ("test", "train"), "~same-file:same": ("train", "val")}
    assert count_allowed_leaks(assigned[0].split_scheme) == 2


def test_official_strict_leaves_out_only_the_less_held_out_side():
    assigned = assign(ROWS, "official-strict", 0)
    assert splits_by_name(assigned) == {"1": None, "2": "test", "3": None, "4": "train", "5": None, "6": "val"}
    assert count_allowed_leaks(assigned[0].split_scheme) == 0


def test_official_without_a_leak_needs_no_permission():
    assigned = assign([ROWS[1], ROWS[3]], "official", 0)
    assert {r.split_scheme for r in assigned} == {"official-v2"}


def test_a_summary_names_the_first_leaks_and_counts_all():
    manifest = resplit(from_rows(ROWS, {"mine": "/x"}), "official", 0, allow_leaks=True)
    found = find_manifest_leaks(manifest)
    assert (len(found), [leak.key for leak in found.first(1)]) == (2, ["ann"])
    assert json.loads(json.dumps(found.as_json(shown=1))) == {
        "leaks": 2,
        "files_held_out": 2,
        "first": [{"key": "ann", "items": {"train": 1, "test": 1}}],
    }


def test_near_duplicates_leak_as_people_do_once_they_are_known():
    rows = [row("a", 0, official="train"), row("b", 0, official="test"), row("c", 1, official="train")]
    manifest = from_rows(rows, {"mine": "/x"})
    near = pa.table({"media_id": [rows[0].media_id, rows[1].media_id], "cluster": [rows[0].media_id] * 2})
    assert len(find_manifest_leaks(resplit(manifest, "official", 0))) == 0
    with pytest.raises(UsageError, match="near-duplicate"):
        resplit(manifest, "official", 0, near=near)
    strict = resplit(manifest, "official-strict", 0, near=near)
    assert strict.table.column("split").to_pylist() == [None, "test", "train"]
    assert set(strict.table.column("split_scheme").to_pylist()) == {"official-strict-v2+near:1"}
    assert len(find_manifest_leaks(strict, near)) == 0


def test_resplit_is_assign_without_the_files_and_changes_only_three_columns():
    manifest = from_rows(assign(ROWS, "default", 0), {"mine": "/x"})
    again = resplit(manifest, "grouped", 5)
    assert list(again.rows()) == assign(ROWS, "grouped", 5)
    kept = [name for name in manifest.table.column_names if name not in ("split", "group", "split_scheme")]
    assert again.table.select(kept).equals(manifest.table.select(kept))
    assert again.table.schema.equals(manifest.table.schema)
    assert (again.roots, again.split_hash == manifest.split_hash) == (manifest.roots, False)
