"""Filling token stores: media shards that are read ahead, every encoder on each of them, and a writer."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from unmask.cache.encode_shard import ShardTokens, count_expected_tokens
from unmask.cache.extraction_plan import StoreJob, count_if_finished
from unmask.cache.media_reads import read_media
from unmask.cache.network_passes import NetworkPass, group_jobs
from unmask.cache.store.profile_index import hash_media
from unmask.cache.store.token_store import write_tokens
from unmask.core.buckets.mirrored import order_shards, update_folders
from unmask.core.progress import Progress
from unmask.core.sharing.shared_work import Claims, SharedWork
from unmask.preprocess.profiles import Profile
from unmask.preprocess.shards.media_shard import MediaShard

# Shards that may wait for the writer while the next is encoded.
WRITES_AHEAD = 2
SWITCH_S = 0.0005


def fill_stores(
    todo: Sequence[Path],
    jobs: Sequence[StoreJob],
    versions: dict[str, str],
    profile: Profile,
    facts: Mapping[str, Mapping[str, Any]],
    device: torch.device,
    batch_size: int,
    claims: Claims,
) -> None:
    """See all stores filled, by this process or others."""
    passes = [NetworkPass(group, device, batch_size) for group in group_jobs([job for job in jobs if job.missing])]
    shards = {path.name: MediaShard(path) for path in todo}
    with ExitStack() as stack:
        bar = stack.enter_context(Progress("extract", count_missing_tokens(shards, jobs), "tokens"))

        def is_made(name: str) -> bool:
            """Take from `jobs` what other processes have encoded since; the shard may have been written again too."""
            update_folders([shards[name].path, *(job.folder / name for job in jobs if name in job.missing)])
            version = hash_media(shards[name].path)
            if version != versions[name]:
                versions[name], shards[name] = version, MediaShard(shards[name].path)
            for job in [job for job in jobs if name in job.missing and count_if_finished(job, name, version)]:
                job.missing.discard(name)
                bar.leave_out(count_expected_tokens(shards[name], job.spec))
            return not any(name in job.missing for job in jobs)

        names = order_shards(todo[0].parent, list(shards))
        shared = stack.enter_context(SharedWork(claims, names, is_made, "extract"))
        while shared.wait():
            _encode_free_shards(shared, shards, jobs, passes, versions, profile, facts, device, bar)


def count_missing_tokens(shards: Mapping[str, MediaShard], jobs: Sequence[StoreJob]) -> int:
    """Tokens that the stores of `jobs` lack of these media shards."""
    return sum(count_expected_tokens(shards[name], job.spec) for job in jobs for name in job.missing if name in shards)


def _encode_free_shards(
    shared: SharedWork,
    shards: Mapping[str, MediaShard],
    jobs: Sequence[StoreJob],
    passes: Sequence[NetworkPass],
    versions: Mapping[str, str],
    profile: Profile,
    facts: Mapping[str, Mapping[str, Any]],
    device: torch.device,
    bar: Progress,
) -> None:
    """Encode all stores in one pass over the media shards, so that faces and audio are read once."""
    reads = ((shards[name], view) for name in shared.take() for view in _list_views(name, jobs))
    with _Writer() as writer, _switch_threads_fast():
        for shard, augmentation, media in read_media(reads, jobs, profile, facts, device):
            name = shard.path.name
            for network in passes:
                lacking = [job for job in network.jobs if job.view == augmentation and name in job.missing]
                made = network.encode(media, lacking) if lacking else []
                for job, tokens in zip(lacking, made, strict=True):
                    writer.write(partial(write_store_shard, job, name, media.keys, tokens, versions[name]))
                    bar.advance(count_expected_tokens(shard, job.spec), failed=len(tokens.failed))
            if augmentation == _list_views(name, jobs)[-1]:
                writer.then(partial(shared.release, name))


def _list_views(name: str, jobs: Sequence[StoreJob]) -> list[int]:
    """The augmentations that lack tokens of a media shard."""
    return sorted({job.view for job in jobs if name in job.missing})


def write_store_shard(job: StoreJob, shard: str, keys: list[tuple[str, int]], made: ShardTokens, version: str) -> None:
    write_tokens(
        job.folder / shard,
        job.fingerprint,
        keys,
        made.tokens,
        made.times,
        made.lengths,
        source=version,
        failed=made.failed,
    )
    job.report.given += len(keys)
    job.report.done += len(keys) - len(made.failed)
    job.report.failed |= made.failed


@contextmanager
def _switch_threads_fast() -> Iterator[None]:
    """Let the thread that keeps the GPU busy run sooner: Python's default switch interval of 5 ms is half a batch."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class _Writer:
    """Writes shards in a separate thread, in order, so that encoders do not wait for checksums and the disk."""

    def __enter__(self) -> _Writer:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="write-tokens")
        self._waiting: deque[Future[None]] = deque()
        return self

    def write(self, write: partial[None]) -> None:
        while len(self._waiting) >= WRITES_AHEAD:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(write))

    def then(self, call: partial[None]) -> None:
        """Call it when all that was passed to `write` is written."""
        self._pool.submit(call)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown(cancel_futures=kind is not None)
        if kind is None:
            for future in self._waiting:
                future.result()
