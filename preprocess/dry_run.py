"""What `unmask preprocess` would do and cost: a few items of every kind are made, measured and thrown away."""

from __future__ import annotations

import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unmask.core.machine import free_bytes
from unmask.core.process_pool import Failure
from unmask.core.progress import spoken
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, MediaRow
from unmask.preprocess.jobs import jobs_for
from unmask.preprocess.partition import WHOLE, Part
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.shards.media_shard import MediaItem, write_shard
from unmask.preprocess.shards.shard_plan import holding, media_folder, planned, usable_rows
from unmask.preprocess.stage import Limits, failed_item, run_on_items, task_of
from unmask.preprocess.task import Task, item_key
from unmask.preprocess.trim_silence import plan_clips

# Items made for each dataset and kind: enough to tell 1080p from 256 px, few enough for a minute at the worst.
SAMPLED = 3
USUAL_FPS = 25.0

Stratum = tuple[str, str]
"""(dataset, kind)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    folder: str
    items: int
    finished: int
    """Items in finished shards: they are kept."""
    kinds: dict[str, int]
    """Kind -> items to make."""
    clips: int
    bytes: int
    """Of media shards."""
    free_bytes: int
    """On the disk they would go to."""
    seconds: float
    workers: int
    sampled: int
    """Items that were made to find out."""
    failed: dict[str, int]
    """Reason -> how many of those failed."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items())) or "none"
        failed = "".join(f", {count} {reason}" for reason, count in sorted(self.failed.items()))
        lines = [
            f"{self.folder}: nothing was written",
            f"items  {self.items} to make ({kinds}); {self.finished} are finished",
            f"clips  about {self.clips}",
            f"bytes  about {self.bytes / 1e6:,.0f} MB; {self.free_bytes / 1e6:,.0f} MB are free",
            f"time   about {spoken(self.seconds)} on {self.workers} workers"
            f" (measured on {self.sampled} of the items{failed})",
        ]
        return lines + ["warning: the disk is too small for it"] * (self.bytes > self.free_bytes)


@dataclass(frozen=True, slots=True)
class _Measured:
    item: MediaItem
    seconds: float
    """In the worker."""


def estimate(
    manifest: Manifest,
    settings: PreprocessSettings,
    work: WorkFolder,
    limits: Limits,
    *,
    retry: Collection[str] = (),
    part: Part = WHOLE,
) -> Estimate:
    """What the same call of `preprocess` would do. Writes nothing under `work`."""
    folder = media_folder(work, settings)
    rows = {item_key(row): row for row in usable_rows(manifest)}
    shards = part.of(holding(planned(folder, list(rows)), rows))
    todo = [rows[key] for job in jobs_for(folder, shards, rows, retry) for key in job.keys]
    sample = _sample(todo)
    began = time.monotonic()
    measured = _measure([task_of(manifest, row, settings) for row in sample], limits)
    # What the workers took beyond the work itself: starting them.
    busy = sum(one.seconds for one in measured) / max(1, min(limits.workers, len(sample)))
    start = max(0.0, time.monotonic() - began - busy)
    clips, size, seconds = _extrapolated(todo, sample, measured, settings)
    return Estimate(
        folder=str(folder),
        items=len(todo),
        finished=sum(len(shard.items) for shard in shards) - len(todo),
        kinds=dict(Counter(row.kind for row in todo)),
        clips=clips,
        bytes=size,
        free_bytes=free_bytes(folder),
        seconds=seconds / limits.workers + (start if todo else 0.0),
        workers=limits.workers,
        sampled=len(sample),
        failed=dict(Counter(one.item.reason for one in measured if one.item.reason)),
    )


def _sample(rows: Sequence[MediaRow]) -> list[MediaRow]:
    """Of each dataset and kind the cheapest, the middle and the dearest items: their costs differ widely."""
    chosen = []
    for stratum in _by_stratum(rows).values():
        ordered = sorted(stratum, key=lambda row: (_cost(row), row.media_id))
        # Quarters, not ends: the very largest file is no sign of the rest.
        places = sorted({len(ordered) * (2 * place + 1) // (2 * SAMPLED) for place in range(SAMPLED)})
        chosen += [ordered[place] for place in places]
    return chosen


def _cost(row: MediaRow) -> float:
    """What making it is proportional to, in units that hold within one kind: pixels to decode, or seconds of sound."""
    pixels = float((row.width or 640) * (row.height or 360))
    if row.kind == "image":
        return pixels
    if row.kind == "video":
        return pixels * (row.frames or (row.duration_s or 10.0) * (row.fps or USUAL_FPS))
    return row.duration_s or 10.0


def _clips(row: MediaRow, settings: PreprocessSettings) -> int:
    if row.kind == "image" or not row.duration_s:
        return 1
    return len(plan_clips(0.0, row.duration_s, None, settings).windows)


def _measure(tasks: Sequence[Task], limits: Limits) -> list[_Measured]:
    return [
        _Measured(failed_item(task, made), limits.timeout_s) if isinstance(made, Failure) else made
        for task, made in run_on_items(_timed, tasks, limits)
    ]


def _timed(task: Task) -> _Measured:
    from unmask.preprocess.worker import preprocess_item, warm_up  # the parent must not load torch

    warm_up()
    began = time.perf_counter()
    item = preprocess_item(task)
    return _Measured(item, time.perf_counter() - began)


def _extrapolated(
    todo: Sequence[MediaRow],
    sample: Sequence[MediaRow],
    measured: Sequence[_Measured],
    settings: PreprocessSettings,
) -> tuple[int, int, float]:
    """(clips, bytes, seconds of work) of all, by the sample's ratios within each dataset and kind."""
    rows, samples = _by_stratum(todo), _by_stratum(sample)
    made = {one.item.media_id: one for one in measured}
    clips, size, seconds = 0.0, 0.0, 0.0
    for stratum, members in rows.items():
        found = [made[row.media_id] for row in samples[stratum]]
        expected = sum(_clips(row, settings) for row in samples[stratum])
        number = sum(_clips(row, settings) for row in members)
        clips += number * sum(len(one.item.clips) for one in found) / expected
        size += number * _bytes([one.item for one in found], settings) / expected
        cost = sum(map(_cost, members)) / sum(map(_cost, samples[stratum]))
        seconds += cost * sum(one.seconds for one in found)
    return round(clips), round(size), seconds


def _by_stratum(rows: Iterable[MediaRow]) -> dict[Stratum, list[MediaRow]]:
    strata: dict[Stratum, list[MediaRow]] = defaultdict(list)
    for row in rows:
        strata[row.dataset, row.kind].append(row)
    return strata


def _bytes(items: Sequence[MediaItem], settings: PreprocessSettings) -> int:
    """What these items take as a shard."""
    with tempfile.TemporaryDirectory(prefix="unmask-") as name:
        path = Path(name) / "shard"
        write_shard(path, items, face_size=settings.face_size, settings={})
        return sum(part.stat().st_size for part in path.rglob("*") if part.is_file())
