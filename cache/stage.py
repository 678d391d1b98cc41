"""The extract stage: tokens of every encoder of a profile, for every media shard that a manifest needs."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from unmask.cache.encode_shard import ShardMedia, ShardTokens, encode_shard, tokens_expected
from unmask.cache.encoder_runner import Runner
from unmask.cache.encoders.metadata import facts_of
from unmask.cache.extraction_plan import Stream, folders_of, planned, prepare
from unmask.cache.projections.pca import fit, train_items
from unmask.cache.projections.projection import FOLDER
from unmask.cache.store.inventory import LOCK
from unmask.cache.store.profile_index import Streams, media_version, open_streams, write_streams
from unmask.cache.store.token_store import TokenStore, write_tokens
from unmask.core.file_lock import locked
from unmask.core.progress import Progress
from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import Profile
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.preprocess.shards.shard_plan import media_folder, needed_shards

__all__ = ["Streams", "extract", "open_streams"]

# Shards that are being written while the next is encoded.
WRITES_AHEAD = 2
SWITCH_S = 0.0005


def extract(
    manifest: Manifest, profile: Profile, work: WorkFolder, *, device: torch.device, batch_size: int = 64
) -> list[StageReport]:
    """Fill the token store of each encoder and view of `profile`; one report a store, counted in clips.

    Finished shards are kept, so stop it anywhere and run it again. `batch_size` (at most; less on a CPU and where
    memory is short), device and order change no key. `MissingInput` when `preprocess` has not run or weights are
    missing.
    """
    with locked(work.locks / LOCK, "another extract or gc"):
        return _extract(manifest, profile, work, device, batch_size)


def _extract(
    manifest: Manifest, profile: Profile, work: WorkFolder, device: torch.device, batch_size: int
) -> list[StageReport]:
    shards = needed_shards(media_folder(work, profile.preprocess), manifest)
    versions = {shard.name: media_version(shard) for shard in shards}
    streams = planned(manifest, profile, work, versions, device)
    prepare(streams, profile, len(shards))
    encoded = [stream for stream in streams if stream.native is None]
    todo = [shard for shard in shards if any(shard.name in stream.missing for stream in encoded)]
    if todo:
        asked = any(stream.spec.modality == "metadata" and stream.missing for stream in encoded)
        _encode(todo, encoded, versions, profile, _facts(manifest) if asked else {}, device, batch_size)
    for stream in streams:
        if stream.native is not None and stream.missing:
            _project(stream, stream.native, manifest, [shard.name for shard in shards], versions)
    write_streams(work, profile, [shard.name for shard in shards], *folders_of(streams))
    natives = [stream.native for stream in streams]
    return [stream.report for stream in streams if stream.report.given or stream not in natives]


def _facts(manifest: Manifest) -> dict[str, Mapping[str, Any]]:
    return {row.media_id: facts_of(row) for row in manifest.rows()}


def _encode(
    todo: Sequence[Path],
    streams: Sequence[Stream],
    versions: dict[str, str],
    profile: Profile,
    facts: Mapping[str, Mapping[str, Any]],
    device: torch.device,
    batch_size: int,
) -> None:
    """One pass over the media shards for all encoders, so that faces and audio are read once."""
    runners = {
        id(stream): Runner(stream.encoder, device, batch_size, stream.projection())
        for stream in streams
        if stream.missing
    }
    shards = {path.name: MediaShard(path) for path in todo}
    total = sum(tokens_expected(shards[name], s.spec) for s in streams for name in s.missing if name in shards)
    with Progress("extract", total, "tokens") as bar, _Writer() as writer, _quick_turns():
        for shard, view, media in _read_ahead([shards[path.name] for path in todo], streams, profile, facts, device):
            for stream in streams:
                if stream.view == view and shard.path.name in stream.missing:
                    made = encode_shard(media, runners[id(stream)])
                    name = shard.path.name
                    writer.write(partial(_write, stream, name, media.keys, made, versions[name]))
                    bar.advance(tokens_expected(shard, stream.spec), failed=len(made.failed))


def _write(stream: Stream, shard: str, keys: list[tuple[str, int]], made: ShardTokens, version: str) -> None:
    write_tokens(
        stream.folder / shard,
        stream.fingerprint,
        keys,
        made.tokens,
        made.times,
        made.lengths,
        source=version,
        failed=made.failed,
    )
    stream.report.given += len(keys)
    stream.report.done += len(keys) - len(made.failed)
    stream.report.failed |= made.failed


@contextmanager
def _quick_turns() -> Iterator[None]:
    """Reading and writing threads give way to the one that keeps the GPU busy: Python's usual 5 ms are half a batch."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class _Writer:
    """Writes in a thread of its own, in order: an encoder does not wait for checksums and the disk."""

    def __enter__(self) -> _Writer:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="write-tokens")
        self._waiting: deque[Future[None]] = deque()
        return self

    def write(self, job: partial[None]) -> None:
        while len(self._waiting) >= WRITES_AHEAD:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(job))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown(cancel_futures=kind is not None)
        if kind is None:
            for future in self._waiting:
                future.result()


def _read_ahead(
    todo: Sequence[MediaShard],
    streams: Sequence[Stream],
    profile: Profile,
    facts: Mapping[str, Mapping[str, Any]],
    device: torch.device,
) -> Iterator[tuple[MediaShard, int, ShardMedia]]:
    """Each shard's media in every view that lacks it, while a thread reads the next and copies it to a GPU: no encoder
    waits for the disk.
    """
    jobs = [
        (shard, view) for shard in todo for view in sorted({s.view for s in streams if shard.path.name in s.missing})
    ]
    clean: dict[str, ShardMedia] = {}
    copies = torch.cuda.Stream(device) if device.type == "cuda" else None

    def read(shard: MediaShard, view: int) -> ShardMedia:
        name = shard.path.name
        if name not in clean:
            clean.clear()
            wanted = {stream.spec.modality for stream in streams if name in stream.missing}
            clean[name] = ShardMedia.read(shard, wanted, facts)
        media = clean[name].viewed(profile.views, view)
        return media if copies is None else media.there(copies)

    with ThreadPoolExecutor(1, thread_name_prefix="read-media") as reader:
        coming = reader.submit(read, *jobs[0])
        for number, (shard, view) in enumerate(jobs):
            media = coming.result()
            if number + 1 < len(jobs):
                coming = reader.submit(read, *jobs[number + 1])
            yield shard, view, media


def _project(
    stream: Stream, native: Stream, manifest: Manifest, shards: Sequence[str], versions: dict[str, str]
) -> None:
    """Tokens that were encoded already, through principal components of the clean train split."""
    path = stream.folder.parent / FOLDER / f"{stream.spec.projection}.npz"
    if not path.is_file():
        fit(TokenStore(native.folder, shards), train_items(manifest)).write(path)
    matrix = stream.projection()
    assert matrix is not None
    for shard in sorted(stream.missing):
        store = TokenStore(native.folder, [shard])
        tokens, times, _ = store.load()
        made = ShardTokens(matrix.of(tokens), times, store.lengths.tolist(), dict(store.about[shard].failed))
        _write(stream, shard, store.keys, made, versions[shard])
