"""Join the parts of an extraction that several machines made."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence

import torch

from unmask.cache.extraction_plan import StoreJob, plan_stores, prepare_stores
from unmask.cache.stage import finish_extraction
from unmask.cache.store.extraction_parts import list_parts
from unmask.cache.store.profile_index import hash_media
from unmask.cache.store.token_locks import hold_stores, hold_tokens
from unmask.cache.store.token_store import Finished
from unmask.core.atomic_files import create_folder
from unmask.core.buckets.mirrored import fetch_folders
from unmask.core.checksums import find_damage
from unmask.core.errors import MissingInput
from unmask.core.sharing.partition import WHOLE
from unmask.core.sharing.shared_work import Claims
from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import Profile
from unmask.preprocess.shards.media_locks import claim_shards
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder

log = logging.getLogger("unmask")


def has_parts(profile: Profile, works: Sequence[WorkFolder]) -> bool:
    """Has `extract` finished a part of this profile in any of the folders?"""
    return any(list_parts(work, profile) for work in works)


def merge_tokens(
    manifest: Manifest, profile: Profile, work: WorkFolder, others: Sequence[WorkFolder] = ()
) -> list[StageReport]:
    """Copy finished token shards from `others` into `work`, fit projections, and write the index.

    The media shards are merged before. Without `others`, all machines worked in `work` itself. `MissingInput` if a
    shard is unfinished everywhere, damaged, or was made from other media.
    """
    with hold_tokens(work):
        media = get_media_folder(work, profile.preprocess)
        versions = {shard.name: hash_media(shard) for shard in find_shards(media, manifest)}
        jobs = plan_stores(manifest, profile, work, versions, torch.device("cpu"))
        claims = claim_shards(work, media)
        with hold_stores(work):
            prepare_stores(jobs, profile, work, len(versions), WHOLE)
        for job in jobs:
            if job.native is None:
                _complete_store(job, versions, others, claims)
        return finish_extraction(manifest, profile, work, jobs, versions)


def _complete_store(job: StoreJob, versions: Mapping[str, str], others: Sequence[WorkFolder], claims: Claims) -> None:
    for shard in sorted(job.missing) if others else ():
        with claims.hold(shard):
            if _copy_shard(job, shard, versions[shard], others):
                job.missing.discard(shard)
    if job.missing:
        name = job.report.stage.removeprefix("extract ")
        who = claims.name_holders(sorted(job.missing))
        problem = f"{job.folder}: {len(job.missing)} of {len(versions)} shards of {name} are not encoded"
        raise MissingInput(
            problem + f"; still at work: {who}" * bool(who),
            "run the missing parts with `unmask extract --shard`, or all of them without it; then merge again",
        )


def _copy_shard(job: StoreJob, shard: str, version: str, others: Sequence[WorkFolder]) -> bool:
    """Copy the shard from the first folder that has it of this media; False if none has."""
    for other in others:
        source = other.tokens / job.folder.name / shard
        finished = Finished.read(source, job.fingerprint)
        if finished is None or finished.source != version:
            continue
        fetch_folders([source])
        if damaged := find_damage(source):
            raise MissingInput(f"{source}: damaged ({', '.join(damaged[:3])})", "remove it and run its part again")
        with create_folder(job.folder / shard) as folder:
            shutil.copytree(source, folder, dirs_exist_ok=True)
        job.report.given += len(finished.keys)
        job.report.done += len(finished.keys) - len(finished.failed)
        job.report.failed |= finished.failed
        return True
    return False
