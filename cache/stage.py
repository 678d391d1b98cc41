"""The extract stage: tokens of every encoder of a profile, for every media shard that a manifest needs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import torch

from unmask.cache.encode_shard import ShardTokens
from unmask.cache.extraction_plan import StoreJob, count_if_finished, list_folders, plan_stores, prepare_stores
from unmask.cache.fill_stores import fill_stores, write_store_shard
from unmask.cache.projections.pca import fit_pca, list_train_items
from unmask.cache.projections.projection import FOLDER
from unmask.cache.remote_encoders import encode_on_cluster, needs_facts, read_facts, select_encoded
from unmask.cache.spec import EncoderSpec
from unmask.cache.store.extraction_parts import remove_parts, write_part
from unmask.cache.store.profile_index import ProfileTokens, hash_media, open_tokens, write_index
from unmask.cache.store.token_locks import hold_projections, hold_stores, hold_tokens
from unmask.cache.store.token_store import TokenStore
from unmask.cache.weights.trained_on import describe_seen
from unmask.core.engines.cluster import Cluster
from unmask.core.sharing.partition import WHOLE, Partition
from unmask.core.sharing.shared_work import Claims
from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import Profile
from unmask.preprocess.shards.media_locks import claim_shards
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder

__all__ = ["ProfileTokens", "extract", "open_tokens"]

log = logging.getLogger("unmask")


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
    cluster: Cluster | None = None,
) -> list[StageReport]:
    """Fill the token stores of every encoder and augmentation of `profile`. One report per store, counted in clips.

    Finished shards are kept, so it can be stopped and run again. A clip that raises fails alone, and its shard is
    encoded again by the next call. Several calls on one folder share the shards: each encodes what nobody else does,
    and waits for the rest. With a `partition` only its shards are encoded; `merge_tokens` joins them. `batch_size` is
    an upper limit (smaller on a CPU and when memory is short). Batch size, device and order change no key. `latest`:
    these are the tokens that `train` takes from now on. `known`: specs by stream; an encoder with one is not loaded
    where there is nothing for it to encode. `cluster`: whose workers encode, on a `device` of theirs; with the
    manifest of the work folder. `MissingInput` when `preprocess` has not run or weights are missing.
    """
    with hold_tokens(work):
        return _extract(manifest, profile, work, device, batch_size, latest, known, partition, cluster)


def _extract(
    manifest: Manifest,
    profile: Profile,
    work: WorkFolder,
    device: torch.device,
    batch_size: int,
    latest: bool,
    known: Mapping[str, EncoderSpec] | None,
    partition: Partition,
    cluster: Cluster | None,
) -> list[StageReport]:
    media = get_media_folder(work, profile.preprocess)
    shards = find_shards(media, manifest, partition)
    versions = {shard.name: hash_media(shard) for shard in shards}
    here = device if cluster is None else torch.device("cpu")
    jobs = plan_stores(manifest, profile, work, versions, here, known)
    with hold_stores(work):
        prepare_stores(jobs, profile, work, len(shards), partition)
    for seen in filter(
        None, (describe_seen(job.choice.alias_or_name, job.folder, manifest) for job in jobs if not job.view)
    ):
        log.warning("%s: no run may be trained or evaluated with them here", seen)
    encoded = select_encoded(jobs)
    todo = [shard for shard in shards if any(shard.name in job.missing for job in encoded)]
    if todo and cluster is not None:
        encode_on_cluster(cluster, todo, encoded, versions, profile, work, device, batch_size)
    elif todo:
        facts = read_facts(manifest) if needs_facts(encoded) else {}
        fill_stores(todo, encoded, versions, profile, facts, device, batch_size, claim_shards(work, media))
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
        claims = claim_shards(work, get_media_folder(work, profile.preprocess))
        with hold_projections(work):
            for job in projected:
                _project(job, manifest, versions, claims)
    write_index(work, profile, list(versions), *list_folders(jobs), latest=latest)
    remove_parts(work, profile)
    natives = [job.native for job in jobs]
    return [job.report for job in jobs if job.report.given or job not in natives]


def _project(job: StoreJob, manifest: Manifest, versions: Mapping[str, str], claims: Claims) -> None:
    """Project stored native tokens to the principal components of the clean train split.

    With the claim of each shard that it writes: nobody removes an unfinished shard that somebody claims.
    """
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
        with claims.hold(shard):
            write_store_shard(job, shard, store.keys, made, versions[shard])
