"""The extract stage: tokens of every encoder of a profile, for every media shard that a manifest needs."""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import torch

from unmask.cache.encode_shard import ShardTokens, count_expected_tokens
from unmask.cache.encoders.metadata import read_header_fields
from unmask.cache.extraction_plan import StoreJob, list_folders, plan_stores, prepare_stores
from unmask.cache.network_passes import NetworkPass, group_jobs
from unmask.cache.projections.pca import fit_pca, list_train_items
from unmask.cache.projections.projection import FOLDER
from unmask.cache.read_ahead import GpuCopies, read_ahead
from unmask.cache.shard_media import ShardMedia
from unmask.cache.single_clips import augment_safely
from unmask.cache.spec import EncoderSpec
from unmask.cache.store.inventory import LOCK
from unmask.cache.store.profile_index import ProfileTokens, hash_media, open_tokens, write_index
from unmask.cache.store.token_store import TokenStore, write_tokens
from unmask.cache.weights.trained_on import describe_seen
from unmask.core.file_lock import hold_lock
from unmask.core.process_pool import count_cores
from unmask.core.progress import Progress
from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import Profile
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder

__all__ = ["ProfileTokens", "extract", "open_tokens"]

log = logging.getLogger("unmask")

# Shards that may wait for the writer while the next is encoded.
WRITES_AHEAD = 2
# Shards read at once for a GPU, which encodes faster than one core decodes. A CPU has no core left over: one.
GPU_READERS = 3
SWITCH_S = 0.0005


def extract(
    manifest: Manifest,
    profile: Profile,
    work: WorkFolder,
    *,
    device: torch.device,
    batch_size: int = 64,
    latest: bool = True,
    known: Mapping[str, EncoderSpec] | None = None,
) -> list[StageReport]:
    """Fill the token stores of every encoder and augmentation of `profile`. One report per store, counted in clips.

    Finished shards are kept, so it can be stopped and run again. A clip that raises fails alone, and its shard is
    encoded again by the next call. `batch_size` is an upper limit (smaller on a CPU and when memory is short). Batch
    size, device and order change no key. `latest`: these are the tokens that `train` takes from now on. `known`: specs
    by stream; an encoder with one is not loaded where there is nothing for it to encode. `MissingInput` when
    `preprocess` has not run or weights are missing.
    """
    with hold_lock(work.locks / LOCK, "another extract or gc"):
        return _extract(manifest, profile, work, device, batch_size, latest, known)


def _extract(
    manifest: Manifest,
    profile: Profile,
    work: WorkFolder,
    device: torch.device,
    batch_size: int,
    latest: bool,
    known: Mapping[str, EncoderSpec] | None,
) -> list[StageReport]:
    shards = find_shards(get_media_folder(work, profile.preprocess), manifest)
    versions = {shard.name: hash_media(shard) for shard in shards}
    jobs = plan_stores(manifest, profile, work, versions, device, known)
    prepare_stores(jobs, profile, len(shards))
    for seen in filter(
        None, (describe_seen(job.choice.alias_or_name, job.folder, manifest) for job in jobs if not job.view)
    ):
        log.warning("%s: no run may be trained or evaluated with them here", seen)
    encoded = [job for job in jobs if job.native is None]
    todo = [shard for shard in shards if any(shard.name in job.missing for job in encoded)]
    if todo:
        asked = any(job.spec.modality == "metadata" and job.missing for job in encoded)
        _encode(todo, encoded, versions, profile, _read_facts(manifest) if asked else {}, device, batch_size)
    for job in jobs:
        if job.native is not None and job.missing:
            _project(job, job.native, manifest, [shard.name for shard in shards], versions)
    write_index(work, profile, [shard.name for shard in shards], *list_folders(jobs), latest=latest)
    natives = [job.native for job in jobs]
    return [job.report for job in jobs if job.report.given or job not in natives]


def _read_facts(manifest: Manifest) -> dict[str, Mapping[str, Any]]:
    return {row.media_id: read_header_fields(row) for row in manifest.rows()}


def _encode(
    todo: Sequence[Path],
    jobs: Sequence[StoreJob],
    versions: dict[str, str],
    profile: Profile,
    facts: Mapping[str, Mapping[str, Any]],
    device: torch.device,
    batch_size: int,
) -> None:
    """Encode all stores in one pass over the media shards, so that faces and audio are read once."""
    passes = [NetworkPass(group, device, batch_size) for group in group_jobs([job for job in jobs if job.missing])]
    shards = {path.name: MediaShard(path) for path in todo}
    total = sum(count_expected_tokens(shards[name], job.spec) for job in jobs for name in job.missing if name in shards)
    with Progress("extract", total, "tokens") as bar, _Writer() as writer, _switch_threads_fast():
        for shard, augmentation, media in _read_ahead(
            [shards[path.name] for path in todo], jobs, profile, facts, device
        ):
            name = shard.path.name
            for network in passes:
                lacking = [job for job in network.jobs if job.view == augmentation and name in job.missing]
                made = network.encode(media, lacking) if lacking else []
                for job, tokens in zip(lacking, made, strict=True):
                    writer.write(partial(_write, job, name, media.keys, tokens, versions[name]))
                    bar.advance(count_expected_tokens(shard, job.spec), failed=len(tokens.failed))


def _write(job: StoreJob, shard: str, keys: list[tuple[str, int]], made: ShardTokens, version: str) -> None:
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

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown(cancel_futures=kind is not None)
        if kind is None:
            for future in self._waiting:
                future.result()


def _read_ahead(
    todo: Sequence[MediaShard],
    jobs: Sequence[StoreJob],
    profile: Profile,
    facts: Mapping[str, Mapping[str, Any]],
    device: torch.device,
) -> Iterator[tuple[MediaShard, int, ShardMedia]]:
    """Yield each shard's media in every augmentation that lacks tokens of it.

    Others are read meanwhile, and the next one is copied to the GPU, so that no encoder waits for the disk. A shard is
    read once for all encoders and augmentations.
    """
    reads = [
        (source, view)
        for source in (_CleanMedia(shard, jobs, facts) for shard in todo)
        for view in sorted({job.view for job in jobs if source.shard.path.name in job.missing})
    ]
    copies = GpuCopies(device) if device.type == "cuda" else None

    def read(task: tuple[_CleanMedia, int]) -> ShardMedia:
        source, view = task
        return augment_safely(source.read(), profile.views, view)

    asked = [(source.shard, view) for source, view in reads]
    place = partial(ShardMedia.copy_to_gpu, copies=copies) if copies else None
    readers = min(GPU_READERS, count_cores()) if copies else 1
    tasks = (reads.pop(0) for _ in asked)  # nothing else holds a clean shard when all its augmentations are made
    for (shard, view), media in zip(asked, read_ahead(tasks, read, place, readers=readers), strict=True):
        yield shard, view, media


class _CleanMedia:
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


def _project(
    job: StoreJob, native: StoreJob, manifest: Manifest, shards: Sequence[str], versions: dict[str, str]
) -> None:
    """Project stored native tokens to the principal components of the clean train split."""
    path = job.folder.parent / FOLDER / f"{job.spec.projection}.npz"
    if not path.is_file():
        fit_pca(TokenStore(native.folder, shards), list_train_items(manifest)).write(path)
    matrix = job.projection()
    assert matrix is not None
    for shard in sorted(job.missing):
        store = TokenStore(native.folder, [shard])
        tokens, times, _ = store.load()
        made = ShardTokens(matrix.of(tokens), times, store.lengths.tolist(), dict(store.about[shard].failed))
        _write(job, shard, store.keys, made, versions[shard])
