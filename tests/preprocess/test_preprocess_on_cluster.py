"""Preprocessing shard by shard on a cluster gives the bytes of one process, also when workers die."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from stub_ray import StubRay, WorkerDies
from tiny_media import manifest_of

from unmask.core.atomic_files import TEMPORARY
from unmask.core.engines.ray_cluster import RayCluster
from unmask.core.engines.remote_part import Site, read_program_version
from unmask.core.files.writers import LENGTH
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess import stage
from unmask.preprocess.profiles import tiny
from unmask.preprocess.shards import shard_plan
from unmask.preprocess.stage import Limits, preprocess

SETTINGS = tiny().preprocess
LIMITS = Limits(workers=1)


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """Ten images, one of them broken: four shards."""
    monkeypatch.setattr(shard_plan, "ITEMS_PER_SHARD", 3)
    root, rng = tmp_path / "files", np.random.default_rng(0)
    root.mkdir()
    for number in range(10):
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).save(root / f"{number:02}.png")
    (root / "07.png").write_text("text")
    return manifest_of(root)


@pytest.fixture
def alone(manifest: Manifest, tmp_path: Path) -> WorkFolder:
    work = WorkFolder(tmp_path / "alone")
    preprocess(manifest, SETTINGS, work, LIMITS)
    return work


def connect(work: WorkFolder, ray: StubRay | None = None) -> RayCluster:
    work.root.mkdir(exist_ok=True)
    return RayCluster(ray or StubRay(cpus=(1,)), Site(work.root, read_program_version()))


def contents(work: WorkFolder) -> dict[str, bytes]:
    return {str(path.relative_to(work.media)): path.read_bytes() for path in work.media.rglob("*") if path.is_file()}


def test_a_cluster_writes_the_bytes_and_the_report_of_one_process(manifest, alone, tmp_path):
    work = WorkFolder(tmp_path / "cluster")
    report = preprocess(manifest, SETTINGS, work, LIMITS, cluster=connect(work))
    assert contents(work) == contents(alone)
    assert (report.given, report.done, report.skipped, len(report.failed)) == (10, 9, 0, 1)
    again = preprocess(manifest, SETTINGS, work, LIMITS, cluster=connect(work))
    assert (again.given, again.done, again.skipped, len(again.failed)) == (10, 0, 9, 1)


def test_a_worker_that_dies_within_a_shard_loses_nothing(manifest, alone, tmp_path, monkeypatch):
    write, deaths = stage.write_shard, []

    def write_or_die(path: Path, items: Any, **about: Any) -> None:
        if len(deaths) < 2:
            next(iter(items), None)
            deaths.append(path.name)
            raise WorkerDies
        write(path, items, **about)

    monkeypatch.setattr(stage, "write_shard", write_or_die)
    work = WorkFolder(tmp_path / "cluster")
    report = preprocess(manifest, SETTINGS, work, LIMITS, cluster=connect(work))
    assert len(deaths) == 2
    assert contents(work) == contents(alone)
    assert (report.done, len(report.failed)) == (9, 1)


def test_what_a_dead_worker_left_is_removed(manifest, alone, tmp_path, monkeypatch):
    write = stage.write_shard

    def write_and_leave(path: Path, items: Any, **about: Any) -> None:
        write(path, items, **about)
        (path.parent / f"{TEMPORARY}{'0' * LENGTH}-{path.name}").mkdir()  # of an earlier try, on another machine

    monkeypatch.setattr(stage, "write_shard", write_and_leave)
    work = WorkFolder(tmp_path / "cluster")
    preprocess(manifest, SETTINGS, work, LIMITS, cluster=connect(work))
    assert contents(work) == contents(alone)
    assert not list(work.media.rglob(".*"))


def test_failed_items_are_tried_again_on_a_cluster_too(manifest, tmp_path):
    work = WorkFolder(tmp_path / "cluster")
    preprocess(manifest, SETTINGS, work, LIMITS, cluster=connect(work))
    before, ray = contents(work), StubRay(cpus=(1,))
    preprocess(manifest, SETTINGS, work, LIMITS, retry=("unreadable", "unsupported"), cluster=connect(work, ray))
    assert sum("max_retries" in options for options in ray.began) == 1, "the shard with the broken file"
    assert contents(work) == before
