"""The media of shards, read ahead of the encoders in every augmentation that lacks tokens."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from threading import Lock
from typing import Any

import torch

from unmask.cache.extraction_plan import StoreJob
from unmask.cache.read_ahead import GpuCopies, read_ahead
from unmask.cache.shard_media import ShardMedia
from unmask.cache.single_clips import augment_safely
from unmask.core.process_pool import count_cores
from unmask.preprocess.profiles import Profile
from unmask.preprocess.shards.media_shard import MediaShard

# Shards read at once for a GPU, which encodes faster than one core decodes. A CPU has no core left over: one.
GPU_READERS = 3


def read_media(
    reads: Iterator[tuple[MediaShard, int]],
    jobs: Sequence[StoreJob],
    profile: Profile,
    facts: Mapping[str, Mapping[str, Any]],
    device: torch.device,
) -> Iterator[tuple[MediaShard, int, ShardMedia]]:
    """Yield the media of each (shard, augmentation) of `reads`.

    Others are read meanwhile, and the next one is copied to the GPU, so that no encoder waits for the disk. A shard is
    read once for all encoders and augmentations.
    """
    copies = GpuCopies(device) if device.type == "cuda" else None
    asked: deque[tuple[MediaShard, int]] = deque()

    def list_tasks() -> Iterator[tuple[CleanMedia, int]]:
        source: CleanMedia | None = None
        for shard, view in reads:
            asked.append((shard, view))
            if source is None or source.shard is not shard:
                source = CleanMedia(shard, jobs, facts)
            yield source, view

    def read(task: tuple[CleanMedia, int]) -> ShardMedia:
        source, view = task
        return augment_safely(source.read(), profile.views, view)

    place = partial(ShardMedia.copy_to_gpu, copies=copies) if copies else None
    readers = min(GPU_READERS, count_cores()) if copies else 1
    for media in read_ahead(list_tasks(), read, place, readers=readers):
        yield *asked.popleft(), media


class CleanMedia:
    """A shard's media without augmentation, read when they are first asked for, by whichever thread."""

    def __init__(self, shard: MediaShard, jobs: Sequence[StoreJob], facts: Mapping[str, Mapping[str, Any]]) -> None:
        self.shard = shard
        self._jobs, self._facts = jobs, facts
        self._lock = Lock()
        self._media: ShardMedia | None = None

    def read(self) -> ShardMedia:
        with self._lock:
            if self._media is None:
                wanted = {job.spec.input for job in self._jobs if self.shard.path.name in job.missing}
                self._media = ShardMedia.read(self.shard, wanted, self._facts)
            return self._media
