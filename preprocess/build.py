"""The stage: every item of the manifest becomes an entry of a media shard. Stop it anywhere; run it again to finish."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from core.atomic import sweep
from core.errors import MissingInput
from core.progress import Progress
from core.stage import StageReport
from core.work import Failure, available_cores, run_isolated
from core.workfolder import WorkFolder
from manifests.item import Manifest, MediaRow
from preprocess.outcomes import Outcome, outcomes_of, write_outcomes
from preprocess.plan import PlannedShard, holding, make_plan, media_folder, usable_rows
from preprocess.profiles import PreprocessSettings
from preprocess.shards import MediaItem, write_shard
from preprocess.task import Task, item_key

log = logging.getLogger("unmask")

# Imported once by the process that workers are forked from, instead of eight seconds in every worker.
HEAVY = ("preprocess.item",)


def preprocess(
    manifest: Manifest,
    settings: PreprocessSettings,
    work: WorkFolder,
    *,
    workers: int | None = None,
    timeout_s: float = 120.0,
) -> StageReport:
    """Fill the media folder of these settings with the shards of `manifest`'s items, and tell what became of each item.

    Workers, their number and the time limit change no byte of the result; a finished shard is never made again.
    """
    folder = media_folder(work, settings)
    rows = {item_key(row): row for row in usable_rows(manifest)}
    known = folder.is_dir()
    shards = holding(make_plan(folder, list(rows)), rows)
    sweep(folder)
    pending = [shard for shard in shards if not (folder / shard.name).is_dir()]
    _say(folder, known, len(shards), len(pending))
    tasks = {key: _task(manifest, rows[key], settings) for shard in pending for key in shard.items}
    _fill(folder, pending, tasks, settings, workers or available_cores(), timeout_s)
    outcomes = outcomes_of(manifest, [folder / shard.name for shard in shards])
    write_outcomes(folder, outcomes)
    return _report(outcomes, fresh={task.media_id for task in tasks.values()})


def _fill(
    folder: Path,
    pending: Sequence[PlannedShard],
    tasks: Mapping[str, Task],
    settings: PreprocessSettings,
    workers: int,
    timeout_s: float,
) -> None:
    """Make the pending shards in their order.

    One stream of items for all of them: cores stay busy while a shard is written.
    """
    items = _made([tasks[key] for shard in pending for key in shard.items], workers, timeout_s)
    for shard in pending:
        write_shard(
            folder / shard.name,
            list(islice(items, len(shard.items))),
            face_size=settings.face_size,
            settings=settings.model_dump(mode="json"),
        )


def _made(tasks: Sequence[Task], workers: int, timeout_s: float) -> Iterator[MediaItem]:
    """One item a task, in order; a failure is an item without clips."""
    if not tasks:
        return
    workers = min(workers, len(tasks))
    results = run_isolated(
        _in_worker, tasks, workers=workers, timeout_s=timeout_s, initializer=_start_worker, preload=HEAVY
    )
    with Progress("preprocess", total=len(tasks)) as bar:
        for task, made in results:
            bar.advance(failed=int(isinstance(made, Failure)))
            yield _failed(task, made) if isinstance(made, Failure) else made


def _in_worker(task: Task) -> MediaItem:
    from preprocess.item import preprocess_item  # not at the top: the parent must not load torch

    return preprocess_item(task)


def _start_worker() -> None:
    from preprocess.item import start_worker

    start_worker()


def _failed(task: Task, failure: Failure) -> MediaItem:
    return MediaItem(
        media_id=task.media_id,
        content=task.content,
        text=task.text,
        reason=failure.reason,
        problem=failure.problem,
    )


def _task(manifest: Manifest, row: MediaRow, settings: PreprocessSettings) -> Task:
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


def _say(folder: Path, known: bool, shards: int, pending: int) -> None:
    why = "reused: same settings and program version" if known else "new: first run with these settings"
    log.info("preprocess: %s is %s; %d of %d shards are finished", folder, why, shards - pending, shards)


def _report(outcomes: Sequence[Outcome], fresh: set[str]) -> StageReport:
    """`fresh`: items made by this call; other items that are done were skipped."""
    report = StageReport("preprocess", given=len(outcomes))
    for one in outcomes:
        if one.outcome == "failed":
            report.failed[f"{one.dataset}/{one.path}"] = f"{one.reason}: {one.problem}"
        elif one.media_id in fresh:
            report.done += 1
        else:
            report.skipped += 1
    return report
