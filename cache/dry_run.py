"""The dry run of `unmask extract`: measures each encoder on a few inputs and estimates tokens, bytes and time."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from unmask.cache.encode_shard import count_expected_tokens
from unmask.cache.encoders import is_own
from unmask.cache.extraction_plan import StoreJob, plan_stores
from unmask.cache.network_passes import NetworkPass, group_jobs
from unmask.cache.spec import EncoderSpec
from unmask.cache.store.profile_index import hash_media
from unmask.cache.weights.completeness import check_weights
from unmask.core.machine import get_free_bytes
from unmask.core.progress import format_duration
from unmask.core.sharing.partition import WHOLE, Partition
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import MOUTH_FPS, Profile
from unmask.preprocess.shards.media_item import MOUTH_SIDE
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder

BYTES_PER_NUMBER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreEstimate:
    name: str
    folder: str
    clips: int
    """Clips to encode, without those in finished shards."""
    tokens: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    streams: tuple[StoreEstimate, ...]
    free_bytes: int
    device: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        rows = [
            f"{one.name:32} {one.clips:8} clips {one.tokens:10} tokens {one.bytes / 1e6:9,.1f} MB"
            f"   about {format_duration(one.seconds)}"
            for one in self.streams
        ]
        size, seconds = (sum(getattr(one, name) for one in self.streams) for name in ("bytes", "seconds"))
        total = (
            f"total {size / 1e6:,.1f} MB ({self.free_bytes / 1e6:,.0f} MB are free), about {format_duration(seconds)}"
        )
        warning = ["warning: not enough disk space"] * (size > self.free_bytes)
        return ["nothing was written", *rows, f"{total} on {self.device}", *warning]


def estimate(
    manifest: Manifest,
    profile: Profile,
    work: WorkFolder,
    *,
    device: torch.device,
    batch_size: int = 64,
    partition: Partition = WHOLE,
) -> Estimate:
    """Estimate what the same call of `extract` would do. Writes nothing."""
    paths = find_shards(get_media_folder(work, profile.preprocess), manifest, partition)
    shards = {path.name: MediaShard(path) for path in paths}
    versions = {path.name: hash_media(path) for path in paths}
    jobs = plan_stores(manifest, profile, work, versions, device)
    seconds = _estimate_seconds(jobs, shards, profile, device, batch_size)
    return Estimate(
        streams=tuple(
            _estimate_store(job, [shards[name] for name in sorted(job.missing)], seconds.get(id(job), 0.0))
            for job in jobs
        ),
        free_bytes=get_free_bytes(work.tokens),
        device=str(device),
    )


def _estimate_store(job: StoreJob, shards: Sequence[MediaShard], seconds: float) -> StoreEstimate:
    tokens = sum(count_expected_tokens(shard, job.spec) for shard in shards)
    encodes = tokens > 0 and job.native is None
    if job.missing and not encodes and not is_own(job.choice.name):
        check_weights(job.encoder)
    return StoreEstimate(
        name=job.report.stage.removeprefix("extract "),
        folder=job.folder.name,
        clips=sum(map(len, shards)),
        tokens=tokens,
        bytes=tokens * job.spec.width * BYTES_PER_NUMBER,
        seconds=seconds,
    )


def _estimate_seconds(
    jobs: Sequence[StoreJob],
    shards: Mapping[str, MediaShard],
    profile: Profile,
    device: torch.device,
    batch_size: int,
) -> dict[int, float]:
    """Seconds by id of the job; layers of one pass share its time. Projecting stored tokens takes almost none."""
    seconds: dict[int, float] = defaultdict(float)
    for group in group_jobs([job for job in jobs if job.missing and job.native is None]):
        tokens = {
            name: count_expected_tokens(shards[name], group[0].spec)
            for name in sorted(set().union(*(job.missing for job in group)))
        }
        per_token = _measure_seconds_per_token(group, profile, device, batch_size) if any(tokens.values()) else 0.0
        for name, count in tokens.items():
            lacking = [job for job in group if name in job.missing]
            for job in lacking:
                seconds[id(job)] += count * per_token / len(lacking)
    return seconds


def _measure_seconds_per_token(
    jobs: Sequence[StoreJob], profile: Profile, device: torch.device, batch_size: int
) -> float:
    """Time a network on random inputs: its speed does not depend on their content."""
    runner = NetworkPass(jobs, device, batch_size).runner
    inputs = _make_inputs(jobs[0].spec, profile, runner.batch_size)
    runner.run(inputs)  # loads the network
    began = time.perf_counter()
    made = runner.run(inputs)[0]
    return float((time.perf_counter() - began) / (made.shape[0] * made.shape[1]))


def _make_inputs(spec: EncoderSpec, profile: Profile, count: int) -> Any:
    settings = profile.preprocess
    if spec.input == "mouth":
        shape = (count, round(settings.clip_seconds * MOUTH_FPS), MOUTH_SIDE, MOUTH_SIDE)
        return torch.randint(0, 256, shape, dtype=torch.uint8)
    if spec.modality == "image":
        frames = (settings.frames_per_clip,) if spec.input == "clip" else ()
        return torch.randint(0, 256, (count, *frames, settings.face_size, settings.face_size, 3), dtype=torch.uint8)
    if spec.modality == "audio":
        return torch.randn(count, round(settings.clip_seconds * settings.sample_rate)) / 10
    return ["a sentence of ten words or so, as people say"] * count if spec.modality == "text" else [{}] * count
