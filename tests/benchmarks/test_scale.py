from __future__ import annotations

from pathlib import Path

from benchmarks.scale.made_work import FILES_PER_PERSON, make_manifest
from benchmarks.scale.measure import measure_items, measure_rows
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import read_manifest


def test_every_step_runs_on_made_up_items(tmp_path: Path):
    found = measure_items(130, WorkFolder(tmp_path))
    assert found["shards"] == 3
    assert all(found[step] > 0 for step in ("write media shards", "extract", "verify"))


def test_rows_are_split_by_person(tmp_path: Path):
    work = WorkFolder(tmp_path)
    assert measure_rows(40 * FILES_PER_PERSON, work)["split by identity"] > 0
    rows = list(read_manifest(work.manifest).rows())
    splits = {
        person: {row.split for row in rows if row.people == (person,)} for person in {row.people[0] for row in rows}
    }
    assert {len(one) for one in splits.values()} == {1}
    assert {split for one in splits.values() for split in one} == {"train", "val", "test"}
    assert len(make_manifest(3)) == 3
