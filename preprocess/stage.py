"""The preprocess stage: one entry of a media shard per manifest row. Interrupt it anywhere; rerun it to finish."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

from unmask.core.buckets.mirrored import order_shards, update_folders
from unmask.core.engines.cluster import Cluster, Need, share_cpus
from unmask.core.errors import MissingInput
from unmask.core.process_pool import Failure, count_cores, run_isolated
from unmask.core.processes.large_blocks import return_large_blocks
from unmask.core.progress import Progress
from unmask.core.sharing.partition import WHOLE, Partition
from unmask.core.sharing.shared_work import Claims, SharedWork
from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, MediaRow
from unmask.preprocess.jobs import Job, list_jobs
from unmask.preprocess.outcomes import FILE as OUTCOMES
from unmask.preprocess.outcomes import collect_outcomes, make_report, write_outcomes
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.shards.media_item import MediaItem
from unmask.preprocess.shards.media_locks import claim_shards, hold_media, hold_plan
from unmask.preprocess.shards.media_shard import write_shard
from unmask.preprocess.shards.shard_plan import FILE as PLAN
from unmask.preprocess.shards.shard_plan import get_media_folder, make_plan, select_shards, select_usable_rows
from unmask.preprocess.task import MaskFile, Task, make_item_key

Result = TypeVar("Result")

log = logging.getLogger("unmask")

# Imported once by the process that workers are forked from, which saves eight seconds per worker.
PRELOADED = ("unmask.preprocess.worker",)


@dataclass(frozen=True, slots=True)
class Limits:
    """Resources of the worker processes."""

    workers: int = field(default_factory=count_cores)
    """Number of processes."""
    timeout_s: float = 120.0
    """Wall-clock seconds per item."""
    memory_gib: float = 4.0
    """Memory per item."""
    fork: bool = False
    """Copies of this process where it can be copied (core/process_pool.py): for few files."""


def preprocess(
    manifest: Manifest,
    settings: PreprocessSettings,
    work: WorkFolder,
    limits: Limits | None = None,
    *,
    retry: Collection[str] = (),
    partition: Partition = WHOLE,
    cluster: Cluster | None = None,
) -> StageReport:
    """Write the media shards of `manifest` and the outcome of each of its rows.

    Finished shards are kept, but items that failed for a reason in `retry` are tried again. Several calls in one folder
    share the shards: each writes what nobody else writes, and waits for the rest. With a `partition` only its shards
    are written; `merge` writes the outcomes when all partitions are finished. A `cluster` writes shard by shard on its
    machines. Items within the `limits` give the same bytes under any limits.
    """
    folder = get_media_folder(work, settings)
    reused = folder.is_dir()
    limits = limits or Limits()
    claims = claim_shards(work, folder)
    with hold_media(work, folder):
        rows = {make_item_key(row): row for row in select_usable_rows(manifest)}
        with hold_plan(work, folder):
            shards = partition.select(select_shards(make_plan(folder, list(rows)), rows))
            claims.remove_leftovers(folder, (PLAN, OUTCOMES), partition.choose({shard.name for shard in shards}))
        jobs = list_jobs(folder, shards, rows, retry)
        _log_plan(folder, reused, partition, len(shards), jobs)
        tasks = {key: make_task(manifest, rows[key], settings) for job in jobs for key in job.keys}
        if cluster is None:
            with return_large_blocks():
                made = _write_shards(folder, jobs, tasks, settings, limits, claims)
        else:
            made = _write_on_cluster(cluster, folder, jobs, tasks, settings, limits, claims)
        mine = manifest.rows() if partition.is_whole else [rows[key] for shard in shards for key in shard.items]
        outcomes = collect_outcomes(mine, [folder / shard.name for shard in shards])
        if partition.is_whole:
            with hold_plan(work, folder):
                write_outcomes(folder, outcomes)
    report = make_report(outcomes, {tasks[key].media_id for key in made}, manifest)
    report.warn()
    return report


def preprocess_items(tasks: Iterable[Task], limits: Limits) -> Iterator[MediaItem]:
    """One item per task, in order; an item without clips for a failure. Tasks are drawn as workers become free."""
    for task, result in run_in_workers(_preprocess_in_worker, tasks, limits):
        yield make_failed_item(task, result) if isinstance(result, Failure) else result


def run_in_workers(
    function: Callable[[Task], Result], tasks: Iterable[Task], limits: Limits
) -> Iterator[tuple[Task, Result | Failure]]:
    """Each task with the result of `function` in an isolated worker, in order."""
    waiting = iter(tasks)
    first = list(islice(waiting, limits.workers))
    if not first:
        return
    yield from run_isolated(
        function,
        chain(first, waiting),
        workers=len(first),
        timeout_s=limits.timeout_s,
        memory_gib=limits.memory_gib,
        initializer=_start_worker,
        preload=PRELOADED,
        fork=limits.fork,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _ShardPart:
    """What a machine of a cluster needs to write one shard."""

    folder: Path
    job: Job
    tasks: Mapping[str, Task]
    settings: PreprocessSettings
    limits: Limits
    claims: Claims


def _write_on_cluster(
    cluster: Cluster,
    folder: Path,
    jobs: Sequence[Job],
    tasks: Mapping[str, Task],
    settings: PreprocessSettings,
    limits: Limits,
    claims: Claims,
) -> list[str]:
    """As `_write_shards`, which each part of the work calls for one shard."""
    cpus = share_cpus(cluster, len(jobs), limits.workers)
    parts = [
        _ShardPart(
            folder=folder,
            job=job,
            tasks={key: tasks[key] for key in job.keys},
            settings=settings,
            limits=replace(limits, workers=cpus),
            claims=claims,
        )
        for job in jobs
    ]
    made: list[str] = []
    with Progress("preprocess", total=len(tasks)) as bar:
        most = max(1, limits.workers // cpus)
        for keys in cluster.run_tasks(_write_part, parts, need=Need(cpus=cpus), most=most, bar=bar):
            made += keys
    claims.remove_leftovers(folder, (PLAN, OUTCOMES), {job.shard.name for job in jobs})  # of workers that died
    return made


def _write_part(part: _ShardPart) -> list[str]:
    with return_large_blocks():
        return _write_shards(part.folder, [part.job], part.tasks, part.settings, part.limits, part.claims)


def _write_shards(
    folder: Path,
    jobs: Sequence[Job],
    tasks: Mapping[str, Task],
    settings: PreprocessSettings,
    limits: Limits,
    claims: Claims,
) -> list[str]:
    """See the shards of `jobs` finished, by this process or others; the keys of the items that this one made."""
    planned = {job.shard.name: job for job in jobs}
    made: list[str] = []
    if not jobs:
        return made
    with ExitStack() as stack:
        bar = stack.enter_context(Progress("preprocess", total=len(tasks)))

        def is_made(name: str) -> bool:
            update_folders([folder / name])
            is_made_elsewhere = planned[name].is_made_elsewhere(folder)
            bar.leave_out(len(planned[name].keys) if is_made_elsewhere else 0)
            return is_made_elsewhere

        shared = stack.enter_context(SharedWork(claims, order_shards(folder, list(planned)), is_made, "preprocess"))
        while shared.wait():
            for job in _write_free_shards(folder, planned, shared, tasks, settings, limits, bar):
                made += job.keys
    return made


def _write_free_shards(
    folder: Path,
    planned: Mapping[str, Job],
    shared: SharedWork,
    tasks: Mapping[str, Task],
    settings: PreprocessSettings,
    limits: Limits,
    bar: Progress,
) -> Iterator[Job]:
    """Write the shards that are free, from one iterator: the cores stay busy while a shard is written."""
    taken: deque[Job] = deque()

    def list_tasks() -> Iterator[Task]:
        for name in shared.take():
            taken.append(planned[name])
            yield from (tasks[key] for key in planned[name].keys)

    items = _track_progress(preprocess_items(list_tasks(), limits), bar)
    # Workers start with the first item, which is asked for here: the threads that write a shard would forbid a fork.
    for item in items:
        job = taken.popleft()
        complete = job.complete(folder, chain([item], islice(items, len(job.keys) - 1)))
        if complete is not None:
            about = settings.model_dump(mode="json")
            write_shard(folder / job.shard.name, complete, face_size=settings.face_size, settings=about)
        shared.release(job.shard.name)
        yield job


def _track_progress(items: Iterator[MediaItem], bar: Progress) -> Iterator[MediaItem]:
    for item in items:
        bar.advance(failed=int(item.reason is not None))
        yield item


def _preprocess_in_worker(task: Task) -> MediaItem:
    from unmask.preprocess.worker import preprocess_item  # imported here: the parent must not load torch

    return preprocess_item(task)


def _start_worker() -> None:
    from unmask.preprocess.worker import start_worker

    start_worker()


def make_failed_item(task: Task, failure: Failure) -> MediaItem:
    return MediaItem(
        media_id=task.media_id,
        content=task.content,
        text=task.text,
        reason=failure.reason,
        problem=failure.problem,
    )


def make_task(manifest: Manifest, row: MediaRow, settings: PreprocessSettings) -> Task:
    refused = None
    try:
        path = manifest.locate(row)
    except MissingInput as error:  # one bad link must not end the run
        path, refused = Path(row.path), error.problem
    return Task(
        media_id=row.media_id,
        content=row.content,
        path=path,
        kind=row.kind,
        text=row.text,
        settings=settings,
        refused=refused,
        mask=_locate_mask(manifest, row),
    )


def _locate_mask(manifest: Manifest, row: MediaRow) -> MaskFile | None:
    if row.mask is None:
        return None
    try:
        return MaskFile(manifest.locate(row, row.mask), row.mask_content)
    except MissingInput as error:
        return MaskFile(Path(row.mask), None, refused=error.problem)


def _log_plan(folder: Path, reused: bool, partition: Partition, shards: int, jobs: Sequence[Job]) -> None:
    why = "reused: same settings and program version" if reused else "new: first run with these settings"
    pending = sum(not job.finished for job in jobs)
    which = "" if partition.is_whole else f" of partition {partition}"
    log.info("preprocess: %s is %s; %d of %d shards%s are finished", folder, why, shards - pending, shards, which)
    again = sum(len(job.keys) for job in jobs if job.finished)
    if again:
        log.info("preprocess: trying %d failed items again", again)
