"""The cells of a suite as tasks of a cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stub_ray import StubRay, WorkerDies
from test_suite import CPU, Configs, Make, plain

from unmask.core.engines.ray_cluster import RayCluster
from unmask.core.engines.remote_part import Site, read_program_version
from unmask.evaluation.suites import suite
from unmask.evaluation.suites.suite import run_suite

_run_cell = suite.run_cell
_died: list[str] = []


def run_or_die(job):
    """The worker of every cell dies once."""
    if job.cell.key not in _died:
        _died.append(job.cell.key)
        raise WorkerDies
    return _run_cell(job)


def test_cells_on_a_cluster_are_those_of_one_process_though_every_worker_died(
    make_work: Make, configs: Configs, monkeypatch: pytest.MonkeyPatch
):
    alone, work, ray = make_work("alone"), make_work("work"), StubRay(cpus=(2,))
    here = run_suite(alone, "loo", configs, (0,), device=CPU, jobs=1)
    monkeypatch.setattr(suite, "run_cell", run_or_die)
    cluster = RayCluster(ray, Site(work.root, read_program_version()))
    there = run_suite(work, "loo", configs, (0,), device=CPU, cluster=cluster)
    assert [plain(cell) for cell in there.cells] == [plain(cell) for cell in here.cells]
    assert replace(there, cells=()) == replace(here, cells=())
    assert len(_died) == len(there.cells) == 4
    tasks = [options for options in ray.began if "max_retries" in options]
    assert all(options["memory"] > 2**30 and options["num_gpus"] == 0 for options in tasks)
    again = run_suite(work, "loo", configs, (0,), device=CPU, cluster=cluster)
    assert again.cells == there.cells
    assert len([options for options in ray.began if "max_retries" in options]) == len(tasks), "all were finished"
