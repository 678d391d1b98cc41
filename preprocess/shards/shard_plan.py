"""Assignment of items to shards. A plan is only extended, so that a larger manifest keeps its finished shards.

<work>/media/<fingerprint>/plan.json    {"format", "version", "shards": [{"name", "items": [key, ...]}, ...]}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.core.errors import MissingInput
from unmask.core.files import sealed_files
from unmask.core.files.damage import as_missing_input
from unmask.core.hashing import fingerprint
from unmask.core.sharing.partition import WHOLE, Partition
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, MediaRow
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.shards.media_shard import VERSION as SHARD_VERSION
from unmask.preprocess.task import make_item_key

FORMAT = "unmask-media-plan"
VERSION = 1
FILE = "plan.json"
SHARD_NAME = re.compile(r"[^/\0]+")

# Increment when the same file and settings give other tensors than before.
REVISION = 3

ITEMS_PER_SHARD = 64


@dataclass(frozen=True, slots=True)
class PlannedShard:
    """Name and items of a shard."""

    name: str
    items: tuple[str, ...]
    """Keys (unmask.preprocess.task.make_item_key) in their order in the shard."""


def hash_media_settings(settings: PreprocessSettings) -> str:
    """Folder name of the shards of these settings and this version of the program."""
    return fingerprint("media", SHARD_VERSION, REVISION, settings.model_dump(mode="json"))


def get_media_folder(work: WorkFolder, settings: PreprocessSettings) -> Path:
    return work.media / hash_media_settings(settings)


def select_usable_rows(manifest: Manifest) -> list[MediaRow]:
    """Rows to preprocess, in manifest order: those the scan could read."""
    return [row for row in manifest.rows() if row.status == "ok"]


def extend_plan(folder: Path, keys: Sequence[str]) -> list[PlannedShard]:
    """The plan in `folder`, extended by the items `keys` that it lacks.

    Unfinished shards with an item that is not in `keys` are dropped.
    """
    wanted = set(keys)
    plan = [shard for shard in read_plan(folder) if (folder / shard.name).is_dir() or wanted.issuperset(shard.items)]
    assigned = {key for shard in plan for key in shard.items}
    return plan + _split_into_shards([key for key in keys if key not in assigned])


def make_plan(folder: Path, keys: Sequence[str]) -> list[PlannedShard]:
    """Extend the plan and write it to `folder`."""
    plan = extend_plan(folder, keys)
    shards = [{"name": shard.name, "items": list(shard.items)} for shard in plan]
    sealed_files.write_json(folder / FILE, {"format": FORMAT, "version": VERSION, "shards": shards})
    return plan


def read_plan(folder: Path) -> list[PlannedShard]:
    """The plan in `folder`; empty if there is none. Raises `MissingInput` for a plan of another version."""
    path = folder / FILE
    if not path.is_file():
        return []
    remedy = f"remove {path} and run `unmask preprocess`: it keeps the finished shards that it plans again"
    try:
        about = sealed_files.read_json(path)
        if (about.get("format"), about.get("version")) != (FORMAT, VERSION):
            problem = f"{path}: not a plan of version {VERSION}"
            raise MissingInput(problem, f"remove {folder} and run `unmask preprocess`")
        plan = [PlannedShard(str(shard["name"]), tuple(map(str, shard["items"]))) for shard in about["shards"]]
        if not all(SHARD_NAME.fullmatch(shard.name) for shard in plan):
            raise ValueError("a shard elsewhere")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise as_missing_input(error, f"{path}: not readable", remedy) from error
    return plan


def select_shards(plan: Iterable[PlannedShard], keys: Iterable[str]) -> list[PlannedShard]:
    """The shards of `plan` that contain any of `keys`, in order."""
    wanted = set(keys)
    return [shard for shard in plan if not wanted.isdisjoint(shard.items)]


def find_shards(folder: Path, manifest: Manifest, partition: Partition = WHOLE) -> list[Path]:
    """Finished shards that contain the manifest's items, those of `partition`. `MissingInput` if one is missing."""
    keys = [make_item_key(row) for row in select_usable_rows(manifest)]
    shards = select_shards(read_plan(folder), keys)
    missing = set(keys) - {key for shard in shards for key in shard.items}
    shards = partition.select(shards)
    unfinished = [shard.name for shard in shards if not (folder / shard.name).is_dir()]
    if missing or unfinished:
        problem = f"{folder}: {len(missing)} items not preprocessed, {len(unfinished)} shards unfinished"
        raise MissingInput(problem, "run `unmask preprocess`")
    return [folder / shard.name for shard in shards]


def _split_into_shards(keys: Sequence[str]) -> list[PlannedShard]:
    chunks = [tuple(keys[start : start + ITEMS_PER_SHARD]) for start in range(0, len(keys), ITEMS_PER_SHARD)]
    return [PlannedShard(f"shard-{fingerprint('media-shard', chunk)}.zarr", chunk) for chunk in chunks]
