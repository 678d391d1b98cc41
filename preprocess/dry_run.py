"""Dry run of `unmask preprocess`: preprocess a sample of the items, measure it and extrapolate. Writes nothing."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from unmask.core.files.temporary_folder import make_temporary_folder
from unmask.core.machine import get_free_bytes
from unmask.core.process_pool import Failure
from unmask.core.progress import format_duration
from unmask.core.sharing.partition import WHOLE, Partition
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, MediaRow
from unmask.preprocess.jobs import list_jobs
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.shards.media_item import MediaItem
from unmask.preprocess.shards.media_shard import write_shard
from unmask.preprocess.shards.shard_plan import extend_plan, get_media_folder, select_shards, select_usable_rows
from unmask.preprocess.stage import Limits, make_failed_item, make_task, run_in_workers
from unmask.preprocess.task import Task, make_item_key
from unmask.preprocess.trim_silence import plan_clips

# Items per dataset and kind: enough to include 1080p and 256 px, few enough for a minute at most.
SAMPLED = 3
DEFAULT_FPS = 25.0

Stratum = tuple[str, str]
"""(dataset, kind)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    folder: str
    items: int
    finished: int
    """Items in finished shards, which are kept."""
    kinds: dict[str, int]
    """Kind -> items to preprocess."""
    clips: int
    bytes: int
    """Size of the media shards."""
    free_bytes: int
    """On the disk of the work folder."""
    seconds: float
    workers: int
    sampled: int
    """Items preprocessed for the estimate."""
    failed: dict[str, int]
    """Reason -> number of sampled items that failed."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items())) or "none"
        failed = "".join(f", {count} {reason}" for reason, count in sorted(self.failed.items()))
        lines = [
            f"{self.folder}: nothing was written",
            f"items  {self.items} to preprocess ({kinds}); {self.finished} are finished",
            f"clips  about {self.clips}",
            f"bytes  about {self.bytes / 1e6:,.0f} MB; {self.free_bytes / 1e6:,.0f} MB are free",
            f"time   about {format_duration(self.seconds)} on {self.workers} workers"
            f" (measured on {self.sampled} of the items{failed})",
        ]
        return lines + ["warning: not enough free disk space"] * (self.bytes > self.free_bytes)


@dataclass(frozen=True, slots=True)
class _Measured:
    item: MediaItem
    seconds: float
    """Time in the worker."""


def estimate(
    manifest: Manifest,
    settings: PreprocessSettings,
    work: WorkFolder,
    limits: Limits,
    *,
    retry: Collection[str] = (),
    partition: Partition = WHOLE,
) -> Estimate:
    """Estimate of the same call of `preprocess`. Writes nothing under `work`."""
    folder = get_media_folder(work, settings)
    rows = {make_item_key(row): row for row in select_usable_rows(manifest)}
    shards = partition.select(select_shards(extend_plan(folder, list(rows)), rows))
    todo = [rows[key] for job in list_jobs(folder, shards, rows, retry) for key in job.keys]
    sample = _draw_sample(todo)
    began = time.monotonic()
    measured = _measure([make_task(manifest, row, settings) for row in sample], limits)
    # Time beyond the work itself: starting the workers.
    busy = sum(one.seconds for one in measured) / max(1, min(limits.workers, len(sample)))
    start = max(0.0, time.monotonic() - began - busy)
    clips, size, seconds = _extrapolate(todo, sample, measured, settings)
    return Estimate(
        folder=str(folder),
        items=len(todo),
        finished=sum(len(shard.items) for shard in shards) - len(todo),
        kinds=dict(Counter(row.kind for row in todo)),
        clips=clips,
        bytes=size,
        free_bytes=get_free_bytes(folder),
        seconds=seconds / limits.workers + (start if todo else 0.0),
        workers=limits.workers,
        sampled=len(sample),
        failed=dict(Counter(one.item.reason for one in measured if one.item.reason)),
    )


def _draw_sample(rows: Sequence[MediaRow]) -> list[MediaRow]:
    """Cheap, average and expensive items of each dataset and kind: their costs differ widely."""
    chosen = []
    for stratum in _group_by_stratum(rows).values():
        ordered = sorted(stratum, key=lambda row: (_estimate_cost(row), row.media_id))
        # Quantiles inside the range: the very largest file is not representative.
        places = sorted({len(ordered) * (2 * place + 1) // (2 * SAMPLED) for place in range(SAMPLED)})
        chosen += [ordered[place] for place in places]
    return chosen


def _estimate_cost(row: MediaRow) -> float:
    """Relative cost within one kind: pixels to decode, or seconds of audio."""
    pixels = float((row.width or 640) * (row.height or 360))
    if row.kind == "image":
        return pixels
    if row.kind == "video":
        return pixels * (row.frames or (row.duration_s or 10.0) * (row.fps or DEFAULT_FPS))
    return row.duration_s or 10.0


def _count_clips(row: MediaRow, settings: PreprocessSettings) -> int:
    if row.kind == "image" or not row.duration_s:
        return 1
    return len(plan_clips(0.0, row.duration_s, None, settings).windows)


def _measure(tasks: Sequence[Task], limits: Limits) -> list[_Measured]:
    return [
        _Measured(make_failed_item(task, result), limits.timeout_s) if isinstance(result, Failure) else result
        for task, result in run_in_workers(_preprocess_timed, tasks, limits)
    ]


def _preprocess_timed(task: Task) -> _Measured:
    from unmask.preprocess.worker import preprocess_item, warm_up  # imported here: the parent must not load torch

    warm_up()
    began = time.perf_counter()
    item = preprocess_item(task)
    return _Measured(item, time.perf_counter() - began)


def _extrapolate(
    todo: Sequence[MediaRow],
    sample: Sequence[MediaRow],
    measured: Sequence[_Measured],
    settings: PreprocessSettings,
) -> tuple[int, int, float]:
    """(clips, bytes, seconds of work) of all items, by the ratios of the sample per dataset and kind."""
    rows, samples = _group_by_stratum(todo), _group_by_stratum(sample)
    by_id = {one.item.media_id: one for one in measured}
    clips, size, seconds = 0.0, 0.0, 0.0
    for stratum, members in rows.items():
        results = [by_id[row.media_id] for row in samples[stratum]]
        expected = sum(_count_clips(row, settings) for row in samples[stratum])
        number = sum(_count_clips(row, settings) for row in members)
        clips += number * sum(len(one.item.clips) for one in results) / expected
        size += number * _measure_size([one.item for one in results], settings) / expected
        cost = sum(map(_estimate_cost, members)) / sum(map(_estimate_cost, samples[stratum]))
        seconds += cost * sum(one.seconds for one in results)
    return round(clips), round(size), seconds


def _group_by_stratum(rows: Iterable[MediaRow]) -> dict[Stratum, list[MediaRow]]:
    strata: dict[Stratum, list[MediaRow]] = defaultdict(list)
    for row in rows:
        strata[row.dataset, row.kind].append(row)
    return strata


def _measure_size(items: Sequence[MediaItem], settings: PreprocessSettings) -> int:
    """Bytes of these items as a shard."""
    with make_temporary_folder() as folder:
        path = folder / "shard"
        write_shard(path, items, face_size=settings.face_size, settings={"mouth_fps": settings.mouth_fps})
        return sum(part.stat().st_size for part in path.rglob("*") if part.is_file())
