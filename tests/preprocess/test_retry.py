"""Failed items are retried on request, and a shard is rewritten only if an item changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_media import manifest_of

from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.outcomes import read_outcomes
from unmask.preprocess.profiles import tiny
from unmask.preprocess.shards import shard_plan as plan
from unmask.preprocess.shards.media_shard import MediaShard, shard_is_whole
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder
from unmask.preprocess.stage import Limits, preprocess

SETTINGS = tiny().preprocess


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(plan, "ITEMS_PER_SHARD", 4)


@pytest.fixture
def files(tmp_path) -> Path:
    """Eight pictures: two shards. 1 is not there, 2 is text, 6 is text."""
    root = tmp_path / "files"
    root.mkdir()
    rng = np.random.default_rng(0)
    for number in range(8):
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).save(root / f"{number}.png")
    for number in (2, 6):
        (root / f"{number}.png").write_text("text")
    return root


@pytest.fixture
def manifest(files) -> Manifest:
    made = manifest_of(files)
    (files / "1.png").rename(files.parent / "1.png")
    return made


@pytest.fixture
def work(tmp_path, manifest) -> WorkFolder:
    work = WorkFolder(tmp_path / "work")
    report = run(manifest, work)
    assert (report.done, sorted(report.failed)) == (5, ["tiny/1.png", "tiny/2.png", "tiny/6.png"])
    return work


def run(manifest: Manifest, work: WorkFolder, *retry: str) -> StageReport:
    return preprocess(manifest, SETTINGS, work, Limits(workers=1), retry=retry)


def written(work: WorkFolder) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in get_media_folder(work, SETTINGS).glob("shard-*")}


def test_nothing_is_retried_unless_requested(files, manifest, work):
    (files.parent / "1.png").rename(files / "1.png")
    before = written(work)
    report = run(manifest, work)
    assert (report.done, report.skipped, len(report.failed)) == (0, 5, 3)
    assert written(work) == before


def test_only_items_with_the_named_reason_are_retried_and_only_their_shard_changes(files, manifest, work):
    (files.parent / "1.png").rename(files / "1.png")
    before = written(work)
    report = run(manifest, work, "vanished")
    assert (report.done, report.skipped, sorted(report.failed)) == (1, 5, ["tiny/2.png", "tiny/6.png"])
    after = written(work)
    assert len({name for name in before if before[name] != after[name]}) == 1
    assert [one.outcome for one in read_outcomes(get_media_folder(work, SETTINGS))].count("done") == 6


def test_a_retried_shard_has_the_same_bytes_as_one_without_failures(files, manifest, work, tmp_path):
    (files.parent / "1.png").rename(files / "1.png")
    run(manifest, work, "vanished")
    undisturbed = WorkFolder(tmp_path / "undisturbed")
    run(manifest, undisturbed)
    one, two = (
        {path.relative_to(w.root): path.read_bytes() for path in w.root.rglob("*") if path.is_file()}
        for w in (work, undisturbed)
    )
    assert one == two
    assert all(shard_is_whole(path) for path in find_shards(get_media_folder(work, SETTINGS), manifest))


def test_items_that_fail_again_in_the_same_way_leave_the_shards_untouched(manifest, work):
    before = written(work)
    report = run(manifest, work, "unreadable", "vanished")
    assert (report.done, len(report.failed)) == (0, 3)
    assert written(work) == before


def test_an_item_of_another_manifest_in_the_same_shard_is_unchanged(files, manifest, work):
    (files.parent / "1.png").rename(files / "1.png")
    part = Manifest(
        manifest.table.filter([name != "1.png" for name in manifest.table["path"].to_pylist()]), manifest.roots
    )
    assert run(part, work, "vanished").done == 0


def test_a_shard_read_back_item_by_item_is_what_was_written(manifest, work):
    for path in find_shards(get_media_folder(work, SETTINGS), manifest):
        shard = MediaShard(path)
        items = [shard.item(position) for position in range(len(shard.entries))]
        assert [item.media_id for item in items] == [entry["media_id"] for entry in shard.entries]
        assert sum(len(item.clips) for item in items) == len(shard)
        assert all((item.reason is None) == bool(item.clips) for item in items)
