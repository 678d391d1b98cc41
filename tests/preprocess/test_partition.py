"""Partitions are disjoint and complete, and merge to the bytes that one machine writes."""

from __future__ import annotations

import shutil
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_media import manifest_of

from unmask.core.errors import MissingInput, UsageError
from unmask.core.file_lock import Held
from unmask.core.sharing.partition import Partition
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.partition import merge
from unmask.preprocess.profiles import tiny
from unmask.preprocess.shards import shard_plan as plan
from unmask.preprocess.shards.media_locks import claim_shards, hold_media
from unmask.preprocess.shards.shard_plan import get_media_folder
from unmask.preprocess.stage import Limits, preprocess

SETTINGS = tiny().preprocess


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(plan, "ITEMS_PER_SHARD", 3)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Manifest:
    """Twenty images, one of them broken: seven shards."""
    root = tmp_path_factory.mktemp("parts") / "files"
    root.mkdir()
    rng = np.random.default_rng(0)
    for number in range(20):
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).save(root / f"{number:02}.png")
    (root / "07.png").write_text("text")
    return manifest_of(root)


def run(manifest: Manifest, root: Path, part: str = "1/1") -> WorkFolder:
    work = WorkFolder(root)
    preprocess(manifest, SETTINGS, work, Limits(workers=1), partition=Partition.parse(part))
    return work


def media(work: WorkFolder) -> dict[str, bytes]:
    folder = get_media_folder(work, SETTINGS)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def alone(manifest, tmp_path_factory) -> WorkFolder:
    """The result of one machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "ITEMS_PER_SHARD", 3)
        return run(manifest, tmp_path_factory.mktemp("alone"))


@pytest.mark.parametrize("text", ["", "3", "0/2", "3/2", "1/0", "a/b", "-1/2", "1/2/3"])
def test_an_invalid_partition_number_is_wrong_usage(text):
    with pytest.raises(UsageError, match="not a partition number"):
        Partition.parse(text)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 9])
def test_partitions_are_disjoint_and_complete(count):
    shards = [plan.PlannedShard(str(number), ()) for number in range(7)]
    parts = [Partition(number, count).select(shards) for number in range(1, count + 1)]
    assert sorted(chain(*parts), key=shards.index) == shards
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
def test_partitions_in_separate_folders_merge_to_the_bytes_of_one_machine(manifest, alone, tmp_path, order):
    machines = [run(manifest, tmp_path / f"machine{number}", f"{number}/3") for number in order]
    together = WorkFolder(tmp_path / "together")
    report = merge(manifest, SETTINGS, together, machines)
    assert (report.given, report.done, len(report.failed)) == (20, 19, 1)
    assert media(together) == media(alone)


def test_partitions_in_one_shared_folder_merge_to_the_bytes_of_one_machine(manifest, alone, tmp_path):
    for number in (2, 1):
        shared = run(manifest, tmp_path, f"{number}/2")
    report = merge(manifest, SETTINGS, shared)
    assert (report.given, report.skipped, len(report.failed)) == (20, 19, 1)
    assert media(shared) == media(alone)


def test_a_partition_reports_its_own_items_alone(manifest, tmp_path):
    report = preprocess(manifest, SETTINGS, WorkFolder(tmp_path), Limits(workers=1), partition=Partition(7, 7))
    assert (report.given, report.done) == (2, 2)


def test_a_missing_partition_is_reported(manifest, tmp_path):
    machine = run(manifest, tmp_path / "machine1", "1/3")
    with pytest.raises(MissingInput, match="4 of 7 shards are not finished"):
        merge(manifest, SETTINGS, WorkFolder(tmp_path / "together"), [machine])


def test_a_damaged_shard_is_not_merged(manifest, alone, tmp_path):
    other = WorkFolder(tmp_path / "other")
    shutil.copytree(alone.root, other.root)
    shard = next(get_media_folder(other, SETTINGS).glob("shard-*"))
    with (shard / "zarr.json").open("a") as file:
        file.write(" ")
    with pytest.raises(MissingInput, match="damaged"):
        merge(manifest, SETTINGS, WorkFolder(tmp_path / "together"), [other])


def test_a_partition_leaves_the_temporary_files_of_another_alone(manifest, tmp_path):
    work = run(manifest, tmp_path, "1/2")
    folder = get_media_folder(work, SETTINGS)
    theirs = Partition(2, 2).select(plan.read_plan(folder))[0].name
    (folder / f".tmp-{'0' * 32}-{theirs}").mkdir()
    run(manifest, tmp_path, "1/2")
    assert (folder / f".tmp-{'0' * 32}-{theirs}").is_dir()


def test_a_folder_that_somebody_removes_shards_from_is_not_worked_in(manifest, tmp_path):
    work = WorkFolder(tmp_path)
    folder = get_media_folder(work, SETTINGS)
    with hold_media(work, folder, alone=True), pytest.raises(Held, match=r"already running in .*: process"):
        run(manifest, tmp_path)
    with hold_media(work, folder), pytest.raises(Held), hold_media(work, folder, alone=True):
        pass


def test_a_merge_says_who_is_still_at_work(manifest, tmp_path):
    work = run(manifest, tmp_path, "1/3")
    folder = get_media_folder(work, SETTINGS)
    missing = next(shard.name for shard in plan.read_plan(folder) if not (folder / shard.name).is_dir())
    with claim_shards(work, folder).hold(missing), pytest.raises(MissingInput, match="still at work: process"):
        merge(manifest, SETTINGS, work)
