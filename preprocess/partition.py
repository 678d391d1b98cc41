"""A manifest preprocessed by several machines: each takes its part of the shards, `merge` brings them together.

Shards are planned from the manifest alone and named by their items, so every machine makes the same plan, no shard is
made twice, and the result is the same bytes as one machine's.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unmask.core.atomic_files import new_folder
from unmask.core.checksums import damage
from unmask.core.errors import MissingInput, UsageError
from unmask.core.file_lock import locked
from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.outcomes import outcomes_of, report_of, write_outcomes
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.shards.shard_plan import PlannedShard, holding, make_plan, media_folder, usable_rows
from unmask.preprocess.task import item_key


@dataclass(frozen=True, slots=True)
class Part:
    """The `number`-th of `count` parts of the work, counted from 1."""

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Part:
        """From "2/8". `UsageError` for anything else."""
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        part = cls(*map(int, found.groups())) if found else cls(0, 0)
        if not 1 <= part.number <= part.count:
            raise UsageError(f"--shard {text}: not a part of the work", "1/8 to 8/8 on eight machines")
        return part

    @property
    def is_whole(self) -> bool:
        return self.count == 1

    def of(self, shards: Sequence[PlannedShard]) -> list[PlannedShard]:
        """Every `count`-th shard: neighbours are of one dataset, and datasets differ in cost."""
        return list(shards[self.number - 1 :: self.count])

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


WHOLE = Part()


@contextmanager
def working_on(work: WorkFolder, folder: Path, part: Part = WHOLE) -> Iterator[None]:
    """Keep other calls away from this part of `folder`; the parts of one work folder go together."""
    what, name = "another call of `unmask preprocess` or `unmask merge`", f"preprocess-{folder.name}"
    own = f"{name}-{part.number}-of-{part.count}"
    with locked(work.locks / name, what, shared=not part.is_whole), locked(work.locks / own, what):
        yield


def merge(
    manifest: Manifest, settings: PreprocessSettings, work: WorkFolder, others: Sequence[WorkFolder] = ()
) -> StageReport:
    """Complete `work` by the finished shards that lie in `others`, and tell what became of each item.

    Nothing is taken away from `others`; without any, the parts were made in `work` itself. `MissingInput` when a shard
    is unfinished everywhere, or damaged.
    """
    folder = media_folder(work, settings)
    with working_on(work, folder):
        rows = {item_key(row): row for row in usable_rows(manifest)}
        shards = holding(make_plan(folder, list(rows)), rows)
        present = {shard.name for shard in shards if (folder / shard.name).is_dir()}
        for shard in shards:
            if shard.name not in present:
                _bring(folder / shard.name, [media_folder(other, settings) / shard.name for other in others])
        _refuse_unfinished(folder, shards)
        outcomes = outcomes_of(manifest.rows(), [folder / shard.name for shard in shards])
        write_outcomes(folder, outcomes)
    arrived = {key for shard in shards if shard.name not in present for key in shard.items}
    return report_of(outcomes, fresh={row.media_id for key, row in rows.items() if key in arrived})


def _bring(path: Path, sources: Sequence[Path]) -> None:
    """Copy the shard from the first place that has it, if any."""
    for source in sources:
        if source.is_dir():
            wrong = damage(source)
            if wrong:
                raise MissingInput(f"{source}: damaged ({', '.join(wrong[:3])})", "remove it and run its part again")
            with new_folder(path) as folder:
                shutil.copytree(source, folder, dirs_exist_ok=True)
            return


def _refuse_unfinished(folder: Path, shards: Sequence[PlannedShard]) -> None:
    lacking = [number for number, shard in enumerate(shards) if not (folder / shard.name).is_dir()]
    if lacking:
        raise MissingInput(
            f"{folder}: {len(lacking)} of {len(shards)} shards are not finished",
            "run the missing parts with `unmask preprocess --shard`, or all that is left without it; then merge again",
        )
