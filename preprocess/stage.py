"""The stage: every item of the manifest becomes an entry of a media shard. Stop it anywhere; run it again to finish."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from unmask.core.atomic_files import sweep
from unmask.core.errors import MissingInput
from unmask.core.machine import return_large_blocks
from unmask.core.process_pool import Failure, available_cores, run_isolated
from unmask.core.progress import Progress
from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, MediaRow
from unmask.preprocess.faces.detector import Address
from unmask.preprocess.faces.service import detection_service
from unmask.preprocess.jobs import Job, jobs_for
from unmask.preprocess.outcomes import outcomes_of, report_of, write_outcomes
from unmask.preprocess.partition import WHOLE, Part, working_on
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.shards.media_shard import MediaItem, write_shard
from unmask.preprocess.shards.shard_plan import holding, make_plan, media_folder, usable_rows
from unmask.preprocess.task import Task, item_key

Made = TypeVar("Made")

log = logging.getLogger("unmask")

# Imported once by the process that workers are forked from, instead of eight seconds in every worker.
HEAVY = ("unmask.preprocess.worker",)


@dataclass(frozen=True, slots=True)
class Limits:
    """How items are worked on."""

    workers: int = field(default_factory=available_cores)
    """Processes."""
    timeout_s: float = 120.0
    """Wall-clock seconds an item may take."""
    memory_gib: float = 4.0
    """What a worker may allocate for it."""
    device: str = "cpu"
    """Where faces are looked for: "cpu" is in the workers, "cuda" is for all of them on a GPU."""


def preprocess(
    manifest: Manifest,
    settings: PreprocessSettings,
    work: WorkFolder,
    limits: Limits | None = None,
    *,
    retry: Collection[str] = (),
    part: Part = WHOLE,
) -> StageReport:
    """Fill the media folder of these settings with the shards of `manifest`'s items, and tell what became of each item.

    A finished shard is never made again, but items that failed for a reason in `retry` are tried once more. With a
    `part`, only its shards are made, and `merge` tells the outcomes when all parts are there. The limits (see `Limits`)
    change no byte of what is made of an item that keeps them.
    """
    return_large_blocks()
    folder = media_folder(work, settings)
    known = folder.is_dir()
    limits = limits or Limits()
    with working_on(work, folder, part):
        rows = {item_key(row): row for row in usable_rows(manifest)}
        shards = part.of(holding(make_plan(folder, list(rows)), rows))
        sweep(folder, None if part.is_whole else {shard.name for shard in shards})
        jobs = jobs_for(folder, shards, rows, retry)
        _say(folder, known, part, len(shards), jobs)
        tasks = {key: task_of(manifest, rows[key], settings) for job in jobs for key in job.keys}
        _fill(folder, jobs, tasks, settings, limits)
        mine = manifest.rows() if part.is_whole else [rows[key] for shard in shards for key in shard.items]
        outcomes = outcomes_of(mine, [folder / shard.name for shard in shards])
        if part.is_whole:
            write_outcomes(folder, outcomes)
    return report_of(outcomes, fresh={task.media_id for task in tasks.values()})


def made_items(tasks: Sequence[Task], limits: Limits) -> Iterator[MediaItem]:
    """One item a task, in order, made by isolated workers; a failure is an item without clips."""
    for task, made in run_on_items(_in_worker, tasks, limits):
        yield failed_item(task, made) if isinstance(made, Failure) else made


def run_on_items(
    function: Callable[[Task], Made], tasks: Sequence[Task], limits: Limits
) -> Iterator[tuple[Task, Made | Failure]]:
    """`function` on every task in isolated workers that are ready to make items; in order."""
    if not tasks:
        return
    with _detector(limits.device) as address:
        yield from run_isolated(
            function,
            tasks,
            workers=min(limits.workers, len(tasks)),
            timeout_s=limits.timeout_s,
            memory_gib=limits.memory_gib,
            initializer=partial(_start_worker, address),
            preload=HEAVY,
        )


def _detector(device: str) -> AbstractContextManager[Address | None]:
    """On a CPU each worker looks for faces itself."""
    return nullcontext() if device == "cpu" else detection_service(device)


def _fill(
    folder: Path, jobs: Sequence[Job], tasks: Mapping[str, Task], settings: PreprocessSettings, limits: Limits
) -> None:
    """Make the shards of `jobs` in their order.

    One stream of items for all of them: cores stay busy while a shard is written.
    """
    items = _told(made_items([tasks[key] for job in jobs for key in job.keys], limits), len(tasks))
    for job in jobs:
        whole = job.complete(folder, islice(items, len(job.keys)))
        if whole is not None:
            about = settings.model_dump(mode="json")
            write_shard(folder / job.shard.name, whole, face_size=settings.face_size, settings=about)


def _told(items: Iterator[MediaItem], total: int) -> Iterator[MediaItem]:
    with Progress("preprocess", total=total) as bar:
        for item in items:
            bar.advance(failed=int(item.reason is not None))
            yield item


def _in_worker(task: Task) -> MediaItem:
    from unmask.preprocess.worker import preprocess_item  # not at the top: the parent must not load torch

    return preprocess_item(task)


def _start_worker(detector: Address | None) -> None:
    from unmask.preprocess.worker import start_worker

    start_worker(detector)


def failed_item(task: Task, failure: Failure) -> MediaItem:
    return MediaItem(
        media_id=task.media_id,
        content=task.content,
        text=task.text,
        reason=failure.reason,
        problem=failure.problem,
    )


def task_of(manifest: Manifest, row: MediaRow, settings: PreprocessSettings) -> Task:
    refused = None
    try:
        path = manifest.locate(row)
    except MissingInput as error:  # one link that leads elsewhere must not end the run
        path, refused = Path(row.path), error.problem
    return Task(
        media_id=row.media_id,
        content=row.content,
        path=path,
        kind=row.kind,
        text=row.text,
        settings=settings,
        refused=refused,
    )


def _say(folder: Path, known: bool, part: Part, shards: int, jobs: Sequence[Job]) -> None:
    why = "reused: same settings and program version" if known else "new: first run with these settings"
    pending = sum(not job.finished for job in jobs)
    which = "" if part.is_whole else f" of part {part}"
    log.info("preprocess: %s is %s; %d of %d shards%s are finished", folder, why, shards - pending, shards, which)
    again = sum(len(job.keys) for job in jobs if job.finished)
    if again:
        log.info("preprocess: trying %d failed items again", again)
