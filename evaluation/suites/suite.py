"""Run a suite: every split with every preset and seed; finished cells are reused."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence

import torch

from unmask.cache.stage import open_tokens
from unmask.core.engines.cluster import Cluster, Need
from unmask.core.errors import UsageError
from unmask.core.file_lock import hold_lock
from unmask.core.hashing import fingerprint
from unmask.core.machine import GIB, read_memory_gib
from unmask.core.process_pool import Failure, count_cores, run_isolated
from unmask.core.processes.stop_signals import name_stop
from unmask.core.progress import Progress
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.suites.cell import Cell, CellResult, read_cell
from unmask.evaluation.suites.registry import CellSplit, parse_suite
from unmask.evaluation.suites.results import SuiteResult
from unmask.evaluation.suites.run_cell import CellJob, refuse_cell, remove_weights, run_cell
from unmask.evaluation.suites.split_data import hash_files, open_split
from unmask.evaluation.suites.suite_files import write_suite
from unmask.manifests.manifest import Manifest, read_manifest
from unmask.train.config import TrainConfig
from unmask.train.data.token_data import TokenData

log = logging.getLogger("unmask")

PROCESS_GIB = 1.2
"""Of a process beside its tokens: libraries, model, optimizer and activations of a small model."""
STOPPED = "stopped by %s, %d of %d cells are finished; run the same command to resume"
NO_LIMIT_S = 30 * 24 * 3600.0
"""A training takes as long as it takes."""


def run_suite(
    work: WorkFolder,
    suite: str,
    presets: Mapping[str, TrainConfig],
    seeds: Sequence[int],
    *,
    device: torch.device,
    split_seed: int = 0,
    jobs: int | None = None,
    cluster: Cluster | None = None,
) -> SuiteResult:
    """Train and score the missing cells of `suite` x `presets` x `seeds`; also written to a folder of its own.

    The manifest and the runs of the work folder are only read. A split that is refused or lacks a class is a cell with
    a reason. `jobs`: cells at once (None: one on a GPU, else as many as cores and memory allow). Ctrl-C keeps the
    finished cells; a stopped suite is not written. On a `cluster` every cell is a task.
    """
    chosen, seeds = parse_suite(suite), tuple(dict.fromkeys(seeds))
    if not presets or not seeds:
        raise UsageError("nothing to train", "name at least one preset and one seed")
    manifest = read_manifest(work.manifest)
    data = TokenData.load(manifest, open_tokens(work, manifest))
    splits = tuple(chosen.list_splits(_list_datasets(manifest)))
    cells = _list_cells(splits, presets, seeds, split_seed, hash_files(manifest, data))
    name = f"{str(chosen).replace(':', '-')}-{fingerprint('suite-1', [cell.key for cell in cells])[:8]}"
    root = WorkFolder(work.root.absolute())  # worker processes may have another working directory
    waiting = [CellJob(root=root.root, cells=root.suites / "cells", cell=cell, device=str(device)) for cell in cells]
    with hold_lock(work.suites / name / "lock", "this suite"):
        found, stopped = _run_cells(str(chosen), waiting, jobs, data, device, cluster)
        result = SuiteResult(
            name=name,
            suite=str(chosen),
            description=chosen.suite.description,
            grid=chosen.suite.grid,
            split_seed=split_seed,
            profile=data.profile.name,
            presets=tuple(presets),
            seeds=seeds,
            splits=splits,
            cells=tuple(found[cell.key] for cell in cells if cell.key in found),
            stopped=stopped,
        )
        if not stopped:
            write_suite(work.suites / name, result)
    return result


def choose_jobs(data: TokenData, device: torch.device) -> int:
    """Cells at once: one on a GPU, else one per core as far as each process has room for its tokens."""
    if device.type != "cpu":
        return 1
    return max(1, min(count_cores(), math.floor(0.8 * read_memory_gib()[0] / _estimate_gib(data))))


def _estimate_gib(data: TokenData) -> float:
    """Memory of a process that trains a cell."""
    return PROCESS_GIB + 2 * sum(stream.bytes for stream in data.all_streams.values()) / GIB


def _list_cells(
    splits: Sequence[CellSplit], presets: Mapping[str, TrainConfig], seeds: Sequence[int], split_seed: int, files: str
) -> list[Cell]:
    return [
        Cell(split=split, split_seed=split_seed, preset=name, config=config.changed({"seed": seed}), files=files)
        for split in splits
        for name, config in presets.items()
        for seed in seeds
    ]


def _work(jobs: Sequence[CellJob], at_once: int, cluster: Cluster | None, need: Need) -> Iterator[CellResult]:
    """Results in the order of `jobs`, of one process or several."""
    if cluster is not None:
        yield from cluster.run_tasks(run_cell, jobs, need=need, most=at_once)
        return
    if at_once == 1:
        yield from map(run_cell, jobs)
        return
    # The modules that take seconds to import are loaded once, for all processes.
    results = run_isolated(run_cell, jobs, workers=at_once, timeout_s=NO_LIMIT_S, preload=[run_cell.__module__])
    for job, result in results:
        yield refuse_cell(job.cell, result.problem) if isinstance(result, Failure) else result


def _run_cells(
    label: str,
    jobs: Sequence[CellJob],
    at_once: int | None,
    data: TokenData,
    device: torch.device,
    cluster: Cluster | None,
) -> tuple[dict[str, CellResult], bool]:
    """Results by the keys of the cells, and whether the user stopped."""
    found = {job.cell.key: done for job in jobs if (done := read_cell(job.folder, job.cell.key))}
    for job in jobs:
        if job.cell.key in found:
            remove_weights(job.folder)
    need = Need(gpus=int(device.type == "cuda"), memory_gib=_estimate_gib(data))
    left = [job for job in jobs if job.cell.key not in found]
    slots = min(at_once or (cluster.count_slots(need) if cluster else choose_jobs(data, device)), max(1, len(left)))
    log.info("suite %s: %d cells, %d of them finished before; %d at once", label, len(jobs), len(found), slots)
    stopped = False
    try:
        with Progress(f"suite {label}", len(left), "cells") as bar:
            for result in _work(left, slots, cluster, need):
                found[result.key] = result
                bar.advance()
    except KeyboardInterrupt:
        log.warning(STOPPED, name_stop(), len(found), len(jobs))
        stopped = True
    finally:
        open_split.cache_clear()
    return found, stopped


def _list_datasets(manifest: Manifest) -> list[str]:
    """By domain id, as in the tables of an evaluation."""
    columns = (manifest.table.column(name).to_pylist() for name in ("domain_id", "dataset"))
    ids = {dataset: number for number, dataset in zip(*columns, strict=True)}
    return sorted(ids, key=lambda name: (ids[name] < 0, ids[name], name))
