"""The runs of an ablation as tasks of a cluster: the table is that of one process."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from stub_ray import StubRay
from tiny_chain import CPU, Chain

from unmask.core.engines.ray_cluster import RayCluster
from unmask.core.engines.remote_part import Site, read_program_version
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.ablation.ablate import ablate
from unmask.train.presets import make_preset


def copy(chain: Chain, root: Path) -> WorkFolder:
    for part in ("media", "tokens"):
        shutil.copytree(chain.work.root / part, root / part)
    shutil.copy(chain.work.manifest, root / "manifest.parquet")
    return WorkFolder(root)


def test_a_cluster_trains_and_evaluates_the_runs_of_the_same_table(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    presets = {name: make_preset(name).changed({"epochs": 2}) for name in ("linear", "full")}
    alone, work = copy(chain, tmp_path / "alone"), copy(chain, tmp_path / "work")
    here = ablate(alone, presets, [0, 1], device=CPU)
    threads = torch.get_num_threads()
    ray = StubRay(cpus=(64,))
    cluster = RayCluster(ray, Site(work.root, read_program_version()))
    there = ablate(work, presets, [0, 1], device=CPU, cluster=cluster)
    assert [options["num_cpus"] for options in ray.began if "max_retries" in options] == [64] * 4
    assert torch.get_num_threads() == threads, "as many as without a cluster"
    assert [replace(row, train_seconds=None) for row in there.rows] == [
        replace(row, train_seconds=None) for row in here.rows
    ]
    assert {path.name for path in work.runs.iterdir()} == {path.name for path in alone.runs.iterdir()}
