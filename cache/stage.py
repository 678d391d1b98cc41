"""The extract stage: tokens of every encoder of a profile, for every media shard that a manifest needs."""

from __future__ import annotations

import logging
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
from unmask.cache.encoders.metadata import read_header_fields
from unmask.cache.extraction_plan import StoreJob, count_if_finished, list_folders, plan_stores, prepare_stores
from unmask.cache.media_reads import read_media
from unmask.cache.network_passes import NetworkPass, group_jobs
from unmask.cache.projections.pca import fit_pca, list_train_items
from unmask.cache.projections.projection import FOLDER
from unmask.cache.spec import EncoderSpec
from unmask.cache.store.extraction_parts import remove_parts, write_part
from unmask.cache.store.profile_index import ProfileTokens, hash_media, open_tokens, write_index
from unmask.cache.store.token_locks import hold_projections, hold_stores, hold_tokens
from unmask.cache.store.token_store import TokenStore, write_tokens
from unmask.cache.weights.trained_on import describe_seen
from unmask.core.buckets.mirrored import order_shards, update_folders
from unmask.core.progress import Progress
from unmask.core.sharing.partition import WHOLE, Partition
from unmask.core.sharing.shared_work import Claims, SharedWork
from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import Profile
from unmask.preprocess.shards.media_locks import claim_shards
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder

__all__ = ["ProfileTokens", "extract", "open_tokens"]

log = logging.getLogger("unmask")

# Shards that may wait for the writer while the next is encoded.
WRITES_AHEAD = 2
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
    partition: Partition = WHOLE,
) -> list[StageReport]:
    """Fill the token stores of every encoder and augmentation of `profile`. One report per store, counted in clips.

    Finished shards are kept, so it can be stopped and run again. A clip that raises fails alone, and its shard is
    encoded again by the next call. Several calls on one folder share the shards: each encodes what nobody else does,
    and waits for the rest. With a `partition` only its shards are encoded; `merge_tokens` joins them. `batch_size` is
    an upper limit (smaller on a CPU and when memory is short). Batch size, device and order change no key. `latest`:
    these are the tokens that `train` takes from now on. `known`: specs by stream; an encoder with one is not loaded
    where there is nothing for it to encode. `MissingInput` when `preprocess` has not run or weights are missing.
    """
    with hold_tokens(work):
        return _extract(manifest, profile, work, device, batch_size, latest, known, partition)


def _extract(
    manifest: Manifest,
    profile: Profile,
    work: WorkFolder,
    device: torch.device,
    batch_size: int,
    latest: bool,
    known: Mapping[str, EncoderSpec] | None,
    partition: Partition,
) -> list[StageReport]:
    media = get_media_folder(work, profile.preprocess)
    shards = find_shards(media, manifest, partition)
    versions = {shard.name: hash_media(shard) for shard in shards}
    jobs = plan_stores(manifest, profile, work, versions, device, known)
    with hold_stores(work):
        prepare_stores(jobs, profile, work, len(shards), partition)
    for seen in filter(
        None, (describe_seen(job.choice.alias_or_name, job.folder, manifest) for job in jobs if not job.view)
    ):
        log.warning("%s: no run may be trained or evaluated with them here", seen)
    encoded = [job for job in jobs if job.native is None]
    todo = [shard for shard in shards if any(shard.name in job.missing for job in encoded)]
    if todo:
        asked = any(job.spec.modality == "metadata" and job.missing for job in encoded)
        facts = _read_facts(manifest) if asked else {}
        _encode(todo, encoded, versions, profile, facts, device, batch_size, claim_shards(work, media))
    if not partition.is_whole:
        write_part(work, profile, partition, [job.folder.name for job in jobs])
        return [job.report for job in encoded]
    return finish_extraction(manifest, profile, work, jobs, versions, latest=latest)


def finish_extraction(
    manifest: Manifest,
    profile: Profile,
    work: WorkFolder,
    jobs: Sequence[StoreJob],
    versions: Mapping[str, str],
    *,
    latest: bool = True,
) -> list[StageReport]:
    """The last steps of `extract`, when the tokens of every encoder are there: projections, and the index.

    `versions`: media shard -> hash of its content, in the order of the manifest.
    """
    projected = [job for job in jobs if job.native is not None and job.missing]
    if projected:
        with hold_projections(work):
            for job in projected:
                _project(job, manifest, versions)
    write_index(work, profile, list(versions), *list_folders(jobs), latest=latest)
    remove_parts(work, profile)
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
    claims: Claims,
) -> None:
    """See all stores filled, by this process or others."""
    passes = [NetworkPass(group, device, batch_size) for group in group_jobs([job for job in jobs if job.missing])]
    shards = {path.name: MediaShard(path) for path in todo}
    total = sum(count_expected_tokens(shards[name], job.spec) for job in jobs for name in job.missing if name in shards)
    with ExitStack() as stack:
        bar = stack.enter_context(Progress("extract", total, "tokens"))

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
                    writer.write(partial(_write, job, name, media.keys, tokens, versions[name]))
                    bar.advance(count_expected_tokens(shard, job.spec), failed=len(tokens.failed))
            if augmentation == _list_views(name, jobs)[-1]:
                writer.then(partial(shared.release, name))


def _list_views(name: str, jobs: Sequence[StoreJob]) -> list[int]:
    """The augmentations that lack tokens of a media shard."""
    return sorted({job.view for job in jobs if name in job.missing})


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

    def then(self, call: partial[None]) -> None:
        """Call it when all that was passed to `write` is written."""
        self._pool.submit(call)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown(cancel_futures=kind is not None)
        if kind is None:
            for future in self._waiting:
                future.result()


def _project(job: StoreJob, manifest: Manifest, versions: Mapping[str, str]) -> None:
    """Project stored native tokens to the principal components of the clean train split."""
    native = job.native
    assert native is not None
    missing = [shard for shard in sorted(job.missing) if not count_if_finished(job, shard, versions[shard])]
    path = job.folder.parent / FOLDER / f"{job.spec.projection}.npz"
    if missing and not path.is_file():
        fit_pca(TokenStore(native.folder, list(versions)), list_train_items(manifest)).write(path)
    matrix = job.projection()
    assert matrix is not None
    for shard in missing:
        store = TokenStore(native.folder, [shard])
        tokens, times, _ = store.load()
        made = ShardTokens(matrix.of(tokens), times, store.lengths.tolist(), dict(store.about[shard].failed))
        _write(job, shard, store.keys, made, versions[shard])
