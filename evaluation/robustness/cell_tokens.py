"""Tokens of corrupted test items, kept under the work folder for the next call.

robustness/<encoder>-<fingerprint>/   a token store of one encoder under one corruption at one strength; its shards have
                                      the evaluated clips of the media shards of the same names

The corruption and its value are the `view` of the store's spec, and so part of its fingerprint; the clips are part of
the `source` of each shard. A store is found again by every run with the same encoder and the same test items.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from unmask.cache.augmentations import AUGMENTED_INPUTS
from unmask.cache.encoders import find_stream_name, make_encoder
from unmask.cache.extraction_plan import StoreJob
from unmask.cache.network_passes import NetworkPass, group_jobs
from unmask.cache.projections.projection import copy_fitted
from unmask.cache.read_ahead import GpuCopies
from unmask.cache.shard_media import ShardMedia
from unmask.cache.single_clips import encode_safely
from unmask.cache.store.profile_index import hash_media
from unmask.cache.store.ragged import ClipKey
from unmask.cache.store.token_store import Finished, TokenStore, create_store, write_tokens
from unmask.core.atomic_files import remove_leftovers
from unmask.core.crashes import is_crash
from unmask.core.errors import MissingInput
from unmask.core.file_lock import hold_lock
from unmask.core.hashing import fingerprint
from unmask.core.progress import Progress
from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.open_run import OpenRun
from unmask.evaluation.robustness.corrupt_media import corrupt, select_clips
from unmask.evaluation.robustness.corruptions import Corruption, Stream
from unmask.preprocess.shards.media_shard import MediaShard

LOCK = "robustness"


@dataclass(frozen=True, slots=True)
class Cell:
    """One corruption at one strength."""

    corruption: Corruption
    strength: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTokens:
    """The tokens of every cell."""

    stores: dict[Cell, dict[str, TokenStore]]
    """Encoder -> its corrupted tokens; encoders that are not there keep their clean ones."""
    encoded: int
    """Clips times cells that were encoded now, and not kept from earlier."""


@dataclass(frozen=True, slots=True)
class _ShardClips:
    """The evaluated clips of one media shard."""

    shard: MediaShard
    clips: list[int]
    version: str
    """Changes with the media and with the clips."""

    @property
    def keys(self) -> list[ClipKey]:
        keys = self.shard.clip_keys
        return [keys[clip] for clip in self.clips]


def list_changed(opened: OpenRun, stream: Stream) -> list[str]:
    """Encoders of the run whose tokens change when this stream is corrupted. Mouth crops stay clean (docs)."""
    specs = {name: opened.data.all_streams[name].spec for name in opened.info.streams}
    return [name for name, spec in specs.items() if spec.modality == stream and spec.input in AUGMENTED_INPUTS]


def encode_cells(
    opened: OpenRun,
    work: WorkFolder,
    media_ids: Mapping[Stream, Collection[str]],
    cells: Sequence[Cell],
    *,
    device: torch.device,
    batch_size: int,
) -> CellTokens:
    """Encode what is not kept yet of `cells`, with the encoders that each cell changes.

    `media_ids`: stream -> evaluated items that have it.

    Every finished shard is kept, so that a stopped call is continued.
    """
    with hold_lock(work.locks / LOCK, "another robustness"):
        jobs = {cell: _plan_jobs(opened, work, cell, device) for cell in cells}
        shards = {stream: list(_list_shards(opened, ids)) for stream, ids in media_ids.items()}
        _prepare(opened, work, jobs, shards)
        encoded = _encode(jobs, shards, device, batch_size)
    stores = {}
    for cell, of_cell in jobs.items():
        names = [one.shard.path.name for one in shards[cell.corruption.stream]]
        stores[cell] = {job.stream: TokenStore(job.folder, names) for job in of_cell}
    return CellTokens(stores=stores, encoded=encoded)


def _plan_jobs(opened: OpenRun, work: WorkFolder, cell: Cell, device: torch.device) -> list[StoreJob]:
    """One store per changed encoder, with the projection that the run was trained with.

    `MissingInput` when an encoder is no longer the one that the run was trained with.
    """
    changed, jobs = list_changed(opened, cell.corruption.stream), []
    for choice in opened.data.profile.encoders:
        name = find_stream_name(choice)
        if name not in changed:
            continue
        trained = opened.info.streams[name].spec
        encoder = make_encoder(choice.model_copy(update={"projection": trained.projection}), device)
        if encoder.spec.fingerprint(opened.data.media) != opened.info.streams[name].fingerprint:
            raise MissingInput(
                f"{opened.run.name}: the weights or settings of {name} differ from those of its tokens",
                "put back the weights that the run was trained with, or train again: unmask extract, unmask train",
            )
        encoder.spec = replace(encoder.spec, view=cell.corruption.make_key(cell.strength))
        key = encoder.spec.fingerprint(opened.data.media)
        folder = work.robustness / f"{encoder.spec.name}-{key}"
        jobs.append(StoreJob(choice, encoder, folder, key, StageReport(f"robustness {name}")))
    return jobs


def _list_shards(opened: OpenRun, media_ids: Collection[str]) -> Iterator[_ShardClips]:
    wanted = set(media_ids)
    for path in opened.shards:
        shard = MediaShard(path)
        keys = shard.clip_keys
        clips = [clip for clip, (media_id, _) in enumerate(keys) if media_id in wanted]
        if clips:
            version = fingerprint("robustness-1", hash_media(path), [keys[clip] for clip in clips])
            yield _ShardClips(shard, clips, version)


def _prepare(
    opened: OpenRun,
    work: WorkFolder,
    jobs: Mapping[Cell, list[StoreJob]],
    shards: Mapping[Stream, Sequence[_ShardClips]],
) -> None:
    """Create the stores, and find out which shards each of them lacks."""
    copy_fitted(opened.run, work.robustness)
    for cell, job in ((cell, job) for cell, of_cell in jobs.items() for job in of_cell):
        create_store(job.folder, job.spec, opened.data.media)
        remove_leftovers(job.folder)
        for one in shards[cell.corruption.stream]:
            finished = Finished.read(job.folder / one.shard.path.name, job.fingerprint)
            if finished is None or finished.source != one.version or any(map(is_crash, finished.failed.values())):
                job.missing.add(one.shard.path.name)


def _encode(
    jobs: Mapping[Cell, list[StoreJob]],
    shards: Mapping[Stream, Sequence[_ShardClips]],
    device: torch.device,
    batch_size: int,
) -> int:
    """Shard by shard, so that the media of each are read once. Returns clips times cells."""
    todo = [
        (one, [cell for cell in jobs if cell.corruption.stream == stream and _lacks(jobs[cell], one)])
        for stream, of_stream in shards.items()
        for one in of_stream
    ]
    total = sum(len(one.clips) * len(cells) for one, cells in todo)
    networks = _Networks(device, batch_size)
    with Progress("robustness", total, "corrupted clips") as bar:
        for one, cells in todo:
            if not cells:
                continue
            clean = _read(one, [job for cell in cells for job in jobs[cell]])
            window = round(float(one.shard.settings["clip_seconds"]) * clean.sample_rate)
            for cell in cells:
                lacking = [job for job in jobs[cell] if one.shard.path.name in job.missing]
                media = corrupt(clean, cell.corruption, cell.strength, window)
                failed = networks.encode(media, lacking, one)
                bar.advance(len(one.clips), failed=failed)
    return total


def _lacks(jobs: Sequence[StoreJob], one: _ShardClips) -> bool:
    return any(one.shard.path.name in job.missing for job in jobs)


def _read(one: _ShardClips, jobs: Sequence[StoreJob]) -> ShardMedia:
    media = ShardMedia.read(one.shard, {job.spec.input for job in jobs}, {})
    return select_clips(media, np.array(one.clips, np.int64))


class _Networks:
    """Networks that are loaded once and fill the stores of all cells."""

    def __init__(self, device: torch.device, batch_size: int) -> None:
        self._device, self._batch_size = device, batch_size
        self._passes: dict[str, NetworkPass] = {}

    def encode(self, media: ShardMedia, jobs: Sequence[StoreJob], one: _ShardClips) -> int:
        """Write the tokens of `media` into the stores of `jobs`; the number of clips that failed."""
        if self._device.type == "cuda":
            media = media.copy_to_gpu(GpuCopies(self._device))
        failed: set[str] = set()
        for group in group_jobs(jobs):
            network = self._find(group)
            made = encode_safely(media, network.runner)
            for job, tokens in zip(group, made, strict=True):
                path, source = job.folder / one.shard.path.name, one.version
                write_tokens(
                    path,
                    job.fingerprint,
                    media.keys,
                    tokens.tokens,
                    tokens.times,
                    tokens.lengths,
                    source=source,
                    failed=tokens.failed,
                )
                job.missing.discard(path.name)
                failed |= tokens.failed.keys()
        return len(failed)

    def _find(self, group: Sequence[StoreJob]) -> NetworkPass:
        """The pass of these encoders, from whichever cell met them first: a corruption changes no network."""
        key = fingerprint([replace(job.spec, view="").as_json() for job in group])
        if key not in self._passes:
            self._passes[key] = NetworkPass(group, self._device, self._batch_size)
        return self._passes[key]
