"""Preprocessing on several machines: each writes one partition of the shards, and `merge` collects them.

The plan depends on the manifest alone and shards are named after their items, so every machine makes the same plan, no
shard is written twice, and the bytes are those that one machine would write.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unmask.core.atomic_files import create_folder
from unmask.core.checksums import find_damage
from unmask.core.errors import MissingInput, UsageError
from unmask.core.file_lock import hold_lock
from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.outcomes import collect_outcomes, make_report, write_outcomes
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.shards.shard_plan import (
    PlannedShard,
    get_media_folder,
    make_plan,
    select_shards,
    select_usable_rows,
)
from unmask.preprocess.task import make_item_key


@dataclass(frozen=True, slots=True)
class Partition:
    """Partition `number` of `count`, counted from 1."""

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Partition:
        """From "2/8". Raises `UsageError` for anything else."""
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        partition = cls(*map(int, match.groups())) if match else cls(0, 0)
        if not 1 <= partition.number <= partition.count:
            raise UsageError(f"--shard {text}: not a partition number", "use 1/8 to 8/8 on eight machines")
        return partition

    @property
    def is_whole(self) -> bool:
        return self.count == 1

    def select(self, shards: Sequence[PlannedShard]) -> list[PlannedShard]:
        """Every `count`-th shard: neighboring shards are of one dataset, and datasets differ in cost."""
        return list(shards[self.number - 1 :: self.count])

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


WHOLE = Partition()


@contextmanager
def lock_partition(work: WorkFolder, folder: Path, partition: Partition = WHOLE) -> Iterator[None]:
    """Lock this partition of `folder` against other calls. Different partitions can run at the same time."""
    what, name = "another call of `unmask preprocess` or `unmask merge`", f"preprocess-{folder.name}"
    own = f"{name}-{partition.number}-of-{partition.count}"
    with hold_lock(work.locks / name, what, shared=not partition.is_whole), hold_lock(work.locks / own, what):
        yield


def merge(
    manifest: Manifest, settings: PreprocessSettings, work: WorkFolder, others: Sequence[WorkFolder] = ()
) -> StageReport:
    """Copy finished shards from `others` into `work` and write the outcome of each row.

    Without `others`, all machines worked in `work` itself. Raises `MissingInput` if a shard is unfinished everywhere or
    damaged.
    """
    folder = get_media_folder(work, settings)
    with lock_partition(work, folder):
        rows = {make_item_key(row): row for row in select_usable_rows(manifest)}
        shards = select_shards(make_plan(folder, list(rows)), rows)
        present = {shard.name for shard in shards if (folder / shard.name).is_dir()}
        for shard in shards:
            if shard.name not in present:
                _copy_shard(folder / shard.name, [get_media_folder(other, settings) / shard.name for other in others])
        _refuse_unfinished(folder, shards)
        outcomes = collect_outcomes(manifest.rows(), [folder / shard.name for shard in shards])
        write_outcomes(folder, outcomes)
    arrived = {key for shard in shards if shard.name not in present for key in shard.items}
    report = make_report(outcomes, {row.media_id for key, row in rows.items() if key in arrived}, manifest)
    report.warn()
    return report


def _copy_shard(path: Path, sources: Sequence[Path]) -> None:
    """Copy the shard from the first folder that has it, if any."""
    for source in sources:
        if source.is_dir():
            damaged = find_damage(source)
            if damaged:
                problem = f"{source}: damaged ({', '.join(damaged[:3])})"
                raise MissingInput(problem, "remove it and run its partition again")
            with create_folder(path) as folder:
                shutil.copytree(source, folder, dirs_exist_ok=True)
            return


def _refuse_unfinished(folder: Path, shards: Sequence[PlannedShard]) -> None:
    missing = [number for number, shard in enumerate(shards) if not (folder / shard.name).is_dir()]
    if missing:
        raise MissingInput(
            f"{folder}: {len(missing)} of {len(shards)} shards are not finished",
            "run the missing partitions with `unmask preprocess --shard`, or all of them without it; then merge again",
        )
