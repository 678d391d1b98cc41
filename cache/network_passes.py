"""Passes of networks: which token stores one network fills at once.

Stores that differ in their layer only, as those of `layers: apart` do, come from one pass of the network up to the
highest of these layers. Each is as complete, and as long reusable, as if it had been filled alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from unmask.cache.encode_shard import ShardTokens
from unmask.cache.encoder_runner import Output, Runner
from unmask.cache.extraction_plan import StoreJob
from unmask.cache.shard_media import ShardMedia
from unmask.cache.single_clips import encode_safely


class NetworkPass:
    """One network, and the stores that it fills."""

    def __init__(self, jobs: Sequence[StoreJob], device: torch.device, batch_size: int) -> None:
        """`jobs`: one of the groups of `group_jobs`. The network is loaded when it first encodes."""
        self.jobs = tuple(jobs)
        highest = max(self.jobs, key=lambda job: job.spec.layers[-1:])
        self._outputs = {id(job): Output(job.spec, job.projection(), device) for job in self.jobs}
        self.runner = Runner(highest.encoder, device, batch_size, list(self._outputs.values()))

    def encode(self, media: ShardMedia, jobs: Sequence[StoreJob]) -> list[ShardTokens]:
        """The tokens for each of `jobs`, some of its own, in one pass."""
        return encode_safely(media, self.runner, [self._outputs[id(job)] for job in jobs])


def group_jobs(jobs: Sequence[StoreJob]) -> list[list[StoreJob]]:
    """`jobs` that encode, in groups of one pass each, in their order."""
    groups: dict[str, list[StoreJob]] = {}
    for job in jobs:
        shared = job.spec.layers and getattr(job.encoder, "layers", ())
        groups.setdefault(job.spec.network if shared else str(id(job)), []).append(job)
    return list(groups.values())
