"""Preprocessing on several machines: each writes one partition of the shards, and `merge` collects them.

The plan depends on the manifest alone and shards are named after their items, so every machine makes the same plan, no
shard is written twice, and the bytes are those that one machine would write.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from unmask.core.atomic_files import create_folder
from unmask.core.buckets.mirrored import fetch_folders
from unmask.core.checksums import find_damage
from unmask.core.errors import MissingInput
from unmask.core.sharing.shared_work import Claims
from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.outcomes import collect_outcomes, make_report, write_outcomes
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.shards.media_locks import claim_shards, hold_media, hold_plan
from unmask.preprocess.shards.shard_plan import (
    PlannedShard,
    get_media_folder,
    make_plan,
    select_shards,
    select_usable_rows,
)
from unmask.preprocess.task import make_item_key


def merge(
    manifest: Manifest, settings: PreprocessSettings, work: WorkFolder, others: Sequence[WorkFolder] = ()
) -> StageReport:
    """Copy finished shards from `others` into `work` and write the outcome of each row.

    Without `others`, all machines worked in `work` itself. Raises `MissingInput` if a shard is unfinished everywhere or
    damaged.
    """
    folder = get_media_folder(work, settings)
    claims = claim_shards(work, folder)
    with hold_media(work, folder):
        rows = {make_item_key(row): row for row in select_usable_rows(manifest)}
        with hold_plan(work, folder):
            shards = select_shards(make_plan(folder, list(rows)), rows)
        present = {shard.name for shard in shards if (folder / shard.name).is_dir()}
        for shard in shards if others else ():
            if shard.name not in present:
                with claims.hold(shard.name):
                    _copy_shard(folder / shard.name, [get_media_folder(one, settings) / shard.name for one in others])
        _refuse_unfinished(folder, shards, claims)
        outcomes = collect_outcomes(manifest.rows(), [folder / shard.name for shard in shards])
        with hold_plan(work, folder):
            write_outcomes(folder, outcomes)
    arrived = {key for shard in shards if shard.name not in present for key in shard.items}
    report = make_report(outcomes, {row.media_id for key, row in rows.items() if key in arrived}, manifest)
    report.warn()
    return report


def _copy_shard(path: Path, sources: Sequence[Path]) -> None:
    """Copy the shard from the first folder that has it, if any."""
    for source in sources:
        if source.is_dir() and not path.is_dir():
            fetch_folders([source])
            damaged = find_damage(source)
            if damaged:
                problem = f"{source}: damaged ({', '.join(damaged[:3])})"
                raise MissingInput(problem, "remove it and run its partition again")
            with create_folder(path) as folder:
                shutil.copytree(source, folder, dirs_exist_ok=True)
            return


def _refuse_unfinished(folder: Path, shards: Sequence[PlannedShard], claims: Claims) -> None:
    missing = [shard.name for shard in shards if not (folder / shard.name).is_dir()]
    if missing:
        who = claims.name_holders(missing)
        problem = f"{folder}: {len(missing)} of {len(shards)} shards are not finished"
        raise MissingInput(
            problem + f"; still at work: {who}" * bool(who),
            "run the missing partitions with `unmask preprocess --shard`, or all of them without it; then merge again",
        )
