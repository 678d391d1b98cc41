"""Extraction by workers of a cluster gives the bytes and the reports of one process, also when workers die."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from stub_ray import StubRay, WorkerDies

from unmask.cache import fill_stores, remote_encoders
from unmask.cache.stage import extract, open_tokens
from unmask.core.engines.ray_cluster import RayCluster
from unmask.core.engines.remote_part import Site, read_program_version
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import write_manifest

CPU = torch.device("cpu")


# A worker sets the threads of its process, which is this one here.
pytestmark = pytest.mark.usefixtures("keep_threads")


@pytest.fixture
def shards(media: Any) -> Any:
    """Five media shards, and an encoder whose tokens are projected when all are there."""
    for number in range(0, 10, 2):
        media.add(f"image-{number}", f"video-{number + 1}")
    write_manifest(media.work.manifest, media.manifest)
    return media


def connect(work: WorkFolder, ray: StubRay | None = None) -> RayCluster:
    return RayCluster(ray or StubRay(cpus=(2, 2)), Site(work.root, read_program_version()))


def run(shards: Any, cluster: RayCluster | None = None) -> list[tuple[object, ...]]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    reports = extract(shards.manifest, shards.profile, shards.work, device=CPU, cluster=cluster)
    torch.set_num_threads(threads)
    return [(one.stage, one.given, one.done, one.skipped, one.failed) for one in reports]


def take_tokens(work: WorkFolder) -> dict[str, bytes]:
    """The tokens as bytes, which are removed."""
    found = {}
    for path in sorted(work.tokens.rglob("*"), reverse=True):
        if path.is_file():
            found[str(path.relative_to(work.tokens))] = path.read_bytes()
            path.unlink()
        else:
            path.rmdir()
    return found


def test_workers_of_a_cluster_write_the_bytes_and_reports_of_one_process(shards: Any):
    reports, alone = run(shards), take_tokens(shards.work)
    ray = StubRay(cpus=(2, 2))
    assert run(shards, connect(shards.work, ray)) == reports
    assert len(ray.actors) == 1 + 2, "the tally, and one worker per machine"
    assert [options["num_cpus"] for options in ray.began if "max_restarts" in options][:3] == [0, 2, 2]
    assert open_tokens(shards.work, shards.manifest)
    assert take_tokens(shards.work) == alone


def test_a_finished_cache_starts_no_worker(shards: Any):
    run(shards)
    ray = StubRay()
    reports = run(shards, connect(shards.work, ray))
    assert len(ray.actors) == 1
    assert all(done == 0 and skipped == given for _, given, done, skipped, _ in reports)


def test_a_worker_that_dies_within_a_shard_loses_nothing(shards: Any, monkeypatch: pytest.MonkeyPatch):
    run(shards)
    alone, write, deaths = take_tokens(shards.work), fill_stores.write_tokens, []

    def write_or_die(folder: Path, *rest: Any, **more: Any) -> None:
        if len(deaths) < 2:
            deaths.append(folder)
            raise WorkerDies
        write(folder, *rest, **more)

    monkeypatch.setattr(fill_stores, "write_tokens", write_or_die)
    reports = run(shards, connect(shards.work))
    assert len(deaths) == 2
    assert all(given == done for _, given, done, _, _ in reports)
    assert take_tokens(shards.work) == alone


def test_a_worker_keeps_its_encoders_from_part_to_part(shards: Any, monkeypatch: pytest.MonkeyPatch):
    made = []
    monkeypatch.setattr(remote_encoders, "plan_stores", lambda *given: made.append(0) or _plan(*given), raising=True)
    run(shards, connect(shards.work, StubRay(cpus=(4,))))
    assert len(made) == 1


_plan = remote_encoders.plan_stores
