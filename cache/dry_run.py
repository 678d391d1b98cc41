"""The dry run of `unmask extract`: measures each encoder on a few inputs and estimates tokens, bytes and time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from unmask.cache.encode_shard import count_expected_tokens
from unmask.cache.encoder_runner import Runner
from unmask.cache.encoders import is_own
from unmask.cache.extraction_plan import StoreJob, plan_stores
from unmask.cache.spec import EncoderSpec
from unmask.cache.store.profile_index import hash_media
from unmask.cache.weights.completeness import check_weights
from unmask.core.machine import get_free_bytes
from unmask.core.progress import format_duration
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import Profile
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
    manifest: Manifest, profile: Profile, work: WorkFolder, *, device: torch.device, batch_size: int = 64
) -> Estimate:
    """Estimate what the same call of `extract` would do. Writes nothing."""
    paths = find_shards(get_media_folder(work, profile.preprocess), manifest)
    shards = {path.name: MediaShard(path) for path in paths}
    versions = {path.name: hash_media(path) for path in paths}
    jobs = plan_stores(manifest, profile, work, versions, device)
    return Estimate(
        streams=tuple(
            _estimate_store(job, [shards[name] for name in sorted(job.missing)], profile, device, batch_size)
            for job in jobs
        ),
        free_bytes=get_free_bytes(work.tokens),
        device=str(device),
    )


def _estimate_store(
    job: StoreJob, shards: Sequence[MediaShard], profile: Profile, device: torch.device, batch_size: int
) -> StoreEstimate:
    tokens = sum(count_expected_tokens(shard, job.spec) for shard in shards)
    encodes = tokens > 0 and job.native is None  # a projection of stored tokens takes almost no time
    if job.missing and not encodes and not is_own(job.choice.name):
        check_weights(job.encoder)
    return StoreEstimate(
        name=job.report.stage.removeprefix("extract "),
        folder=job.folder.name,
        clips=sum(map(len, shards)),
        tokens=tokens,
        bytes=tokens * job.spec.width * BYTES_PER_NUMBER,
        seconds=tokens * _measure_seconds_per_token(job, profile, device, batch_size) if encodes else 0.0,
    )


def _measure_seconds_per_token(job: StoreJob, profile: Profile, device: torch.device, batch_size: int) -> float:
    """Time the encoder on random inputs: its speed does not depend on their content."""
    runner = Runner(job.encoder, device, batch_size, job.projection())
    inputs = _make_inputs(job.spec, profile, runner.batch_size)
    runner.run(inputs)  # loads the network
    began = time.perf_counter()
    made = runner.run(inputs)
    return float((time.perf_counter() - began) / (made.shape[0] * made.shape[1]))


def _make_inputs(spec: EncoderSpec, profile: Profile, count: int) -> Any:
    settings = profile.preprocess
    if spec.modality == "image":
        return torch.randint(0, 256, (count, settings.face_size, settings.face_size, 3), dtype=torch.uint8)
    if spec.modality == "audio":
        return torch.randn(count, round(settings.clip_seconds * settings.sample_rate)) / 10
    return ["a sentence of ten words or so, as people say"] * count if spec.modality == "text" else [{}] * count
