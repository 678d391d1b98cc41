"""Encoding on a cluster: workers that keep their encoders loaded fill the stores, a few media shards at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from unmask.cache.encoders.metadata import read_header_fields
from unmask.cache.extraction_plan import StoreJob, plan_stores, remove_leftovers
from unmask.cache.fill_stores import count_missing_tokens, fill_stores
from unmask.core.engines.cluster import Cluster, Need
from unmask.core.progress import Progress
from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, read_manifest
from unmask.preprocess.profiles import Profile
from unmask.preprocess.shards.media_locks import claim_shards
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.preprocess.shards.shard_plan import get_media_folder

PARTS_PER_WORKER = 4
MOST_SHARDS = 8
"""Of a part: only within one are shards read ahead, and with few parts the workers do not end together."""
GPU_CPUS = 4
"""Of a worker with a GPU: its readers, its writer and the thread that keeps the GPU busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSetup:
    """What a worker needs to make its encoders. Called once per worker."""

    work: WorkFolder
    profile: Profile
    device: str
    batch_size: int
    threads: int
    """Of a CPU's encoders: as many as the command takes without a cluster, whatever the worker's machine has, since
    their number changes last digits."""

    def __call__(self) -> _ShardEncoder:
        return _ShardEncoder(self)


@dataclass(frozen=True, slots=True)
class _EncodePart:
    """Media shards to encode."""

    versions: Mapping[str, str]
    """Name -> hash of its content."""
    missing: Mapping[str, frozenset[str]]
    """Token store -> those of the shards that it lacks."""


class _ShardEncoder:
    """The stores of a profile, with encoders that are loaded at the first shard and stay."""

    def __init__(self, setup: EncoderSetup) -> None:
        self._setup, self._device = setup, torch.device(setup.device)
        if self._device.type == "cpu":
            torch.set_num_threads(setup.threads)
        self._manifest = read_manifest(setup.work.manifest)
        self._jobs = select_encoded(plan_stores(self._manifest, setup.profile, setup.work, {}, self._device))
        self._facts: dict[str, Mapping[str, Any]] = {}

    def __call__(self, part: _EncodePart) -> tuple[dict[str, str], dict[str, StageReport]]:
        """The versions that were encoded, and the report of each store."""
        setup, versions = self._setup, dict(part.versions)
        for job in self._jobs:
            job.missing, job.report = set(part.missing[job.folder.name]), StageReport(job.report.stage)
        if not self._facts and needs_facts(self._jobs):
            self._facts = read_facts(self._manifest)
        media = get_media_folder(setup.work, setup.profile.preprocess)
        todo, claims = [media / name for name in versions], claim_shards(setup.work, media)
        fill_stores(todo, self._jobs, versions, setup.profile, self._facts, self._device, setup.batch_size, claims)
        return versions, {job.folder.name: job.report for job in self._jobs}


def encode_on_cluster(
    cluster: Cluster,
    todo: Sequence[Path],
    jobs: Sequence[StoreJob],
    versions: dict[str, str],
    profile: Profile,
    work: WorkFolder,
    device: torch.device,
    batch_size: int,
) -> None:
    """See the stores of `jobs` filled by workers of the cluster, as `fill_stores` does here."""
    on_gpu = device.type == "cuda"
    cpus = max(1, min(GPU_CPUS, cluster.cpus // cluster.gpus)) if on_gpu else cluster.machine_cpus
    count = cluster.gpus if on_gpu else cluster.machines
    setup = EncoderSetup(
        work=work,
        profile=profile,
        device=str(device),
        batch_size=batch_size,
        threads=torch.get_num_threads(),
    )
    parts = list(_divide(todo, jobs, versions, max(1, min(MOST_SHARDS, len(todo) // (PARTS_PER_WORKER * count)))))
    shards = {path.name: MediaShard(path) for path in todo}
    need = Need(cpus=cpus, gpus=int(on_gpu))
    with Progress("extract", count_missing_tokens(shards, jobs), "tokens") as bar:
        for encoded, reports in cluster.run_actors(setup, parts, need=need, count=min(count, len(parts)), bar=bar):
            versions.update(encoded)
            for job in jobs:
                job.report.add(reports[job.folder.name])
    claims = claim_shards(work, get_media_folder(work, profile.preprocess))
    for job in jobs:  # of workers that died
        remove_leftovers(job, claims, job.missing)


def _divide(
    todo: Sequence[Path], jobs: Sequence[StoreJob], versions: Mapping[str, str], size: int
) -> Iterator[_EncodePart]:
    for start in range(0, len(todo), size):
        names = {path.name for path in todo[start : start + size]}
        missing = {job.folder.name: frozenset(names & job.missing) for job in jobs}
        yield _EncodePart({name: version for name, version in versions.items() if name in names}, missing)


def select_encoded(jobs: Sequence[StoreJob]) -> list[StoreJob]:
    """The stores that an encoder fills; the others are projected from theirs."""
    return [job for job in jobs if job.native is None]


def needs_facts(jobs: Sequence[StoreJob]) -> bool:
    return any(job.spec.modality == "metadata" and job.missing for job in jobs)


def read_facts(manifest: Manifest) -> dict[str, Mapping[str, Any]]:
    """Media id -> header fields."""
    return {row.media_id: read_header_fields(row) for row in manifest.rows()}
