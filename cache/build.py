"""The extract stage: tokens of every encoder of a profile, for every media shard that a manifest needs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch

from cache.encoders import make_encoder
from cache.runner import Runner
from cache.shard_tokens import ShardMedia, encode_shard
from cache.spec import Encoder, EncoderSpec
from cache.store import Finished, create_store, read_spec, write_tokens
from cache.streams import Streams, media_version, open_streams, write_streams
from core.atomic import sweep
from core.errors import MissingInput
from core.progress import Progress
from core.stage import StageReport
from core.workfolder import WorkFolder
from manifests.item import Manifest
from preprocess.plan import media_fingerprint, media_folder, needed_shards
from preprocess.profiles import Profile
from preprocess.shards import MediaShard

__all__ = ["Streams", "extract", "open_streams"]

log = logging.getLogger("unmask")


@dataclass
class _Stream:
    """One encoder's share of the work."""

    encoder: Encoder
    folder: Path
    fingerprint: str
    report: StageReport
    missing: set[str] = field(default_factory=set)
    """Names of the media shards it has no tokens of."""


def extract(
    manifest: Manifest, profile: Profile, work: WorkFolder, *, device: torch.device, batch_size: int = 64
) -> list[StageReport]:
    """Fill the token store of each encoder of `profile`; one report an encoder, counted in clips.

    Finished shards are kept, so stop it anywhere and run it again. `batch_size` (at most; less on a CPU and where
    memory is short), device and order change no key. `MissingInput` when `preprocess` has not run or weights are
    missing.
    """
    shards = needed_shards(media_folder(work, profile.preprocess), manifest)
    versions = {shard.name: media_version(shard) for shard in shards}
    streams = _plan(profile, work, versions, device)
    todo = [shard for shard in shards if any(shard.name in stream.missing for stream in streams)]
    if todo:
        _encode(todo, streams, versions, profile, device, batch_size)
    folders = {stream.encoder.spec.name: stream.folder.name for stream in streams}
    write_streams(work, profile, [shard.name for shard in shards], folders)
    return [stream.report for stream in streams]


def _plan(profile: Profile, work: WorkFolder, versions: dict[str, str], device: torch.device) -> list[_Stream]:
    """What each encoder has and lacks. Specs only: no network is loaded here."""
    media, streams = media_fingerprint(profile.preprocess), []
    for choice in profile.encoders:
        encoder = make_encoder(choice, device)
        name = encoder.spec.fingerprint(media)
        folder = work.tokens / f"{choice.name}-{name}"
        why = _why_new(folder, encoder.spec, media)
        create_store(folder, encoder.spec, media)
        sweep(folder)
        stream = _Stream(encoder, folder, name, StageReport(f"extract {choice.name}"))
        _count_finished(stream, versions)
        _announce(stream, len(versions), why)
        streams.append(stream)
    return streams


def _count_finished(stream: _Stream, versions: dict[str, str]) -> None:
    for shard, version in versions.items():
        finished = Finished.read(stream.folder / shard, stream.fingerprint)
        if finished is None or finished.source != version:
            stream.missing.add(shard)
            continue
        stream.report.given += len(finished.keys)
        stream.report.skipped += len(finished.keys) - len(finished.failed)
        stream.report.failed |= finished.failed


def _announce(stream: _Stream, shards: int, why: str) -> None:
    name, lacking = stream.encoder.spec.name, len(stream.missing)
    if not lacking:
        log.info("%s: nothing to do, %d clips of %s are reused", name, stream.report.given, stream.folder.name)
    elif lacking < shards:
        log.info("%s: %d shards are reused, %d are new or changed", name, shards - lacking, lacking)
    else:
        log.info("%s: encoding %d shards into %s (%s)", name, lacking, stream.folder.name, why)


def _why_new(folder: Path, spec: EncoderSpec, media: str) -> str:
    """What sets this store apart from the nearest one of the same encoder."""
    if folder.exists():
        return "new media"
    nearest: list[str] | None = None
    for other in sorted(folder.parent.glob(f"{spec.name}-*/spec.json")):
        try:
            other_spec, other_media = read_spec(other.parent)
        except MissingInput:  # a damaged neighbour explains nothing
            continue
        before, now = other_spec.as_json(), spec.as_json()
        changed = [key for key in now if key != "weights" and before[key] != now[key]]
        changed += ["preprocessing"] * (other_media != media)
        nearest = changed if nearest is None or len(changed) < len(nearest) else nearest
    return "first call" if nearest is None else f"new {', '.join(nearest)}"


def _encode(
    todo: Sequence[Path],
    streams: Sequence[_Stream],
    versions: dict[str, str],
    profile: Profile,
    device: torch.device,
    batch_size: int,
) -> None:
    """One pass over the media shards for all encoders, so that faces and audio are read once."""
    runners = {id(stream): Runner(stream.encoder, device, batch_size) for stream in streams if stream.missing}
    clips = {shard.name: len(MediaShard(shard)) for shard in todo}
    total = sum(clips[name] for stream in streams for name in stream.missing)
    with Progress("extract", total, "clips") as bar:
        for shard, media in _read_ahead(todo, streams, profile.preprocess.sample_rate):
            for stream in streams:
                if shard.name in stream.missing:
                    refused = _one(shard.name, media, stream, runners[id(stream)], versions[shard.name])
                    bar.advance(clips[shard.name], failed=refused)


def _one(shard: str, media: ShardMedia, stream: _Stream, runner: Runner, version: str) -> int:
    """Encode and write one shard by one encoder; give how many clips were refused."""
    made = encode_shard(media, runner)
    path = stream.folder / shard
    write_tokens(
        path,
        stream.fingerprint,
        media.keys,
        made.tokens,
        made.times,
        made.lengths,
        source=version,
        failed=made.failed,
    )
    stream.report.given += len(media.keys)
    stream.report.done += len(media.keys) - len(made.failed)
    stream.report.failed |= made.failed
    return len(made.failed)


def _read_ahead(
    todo: Sequence[Path], streams: Sequence[_Stream], sample_rate: int
) -> Iterator[tuple[Path, ShardMedia]]:
    """Each shard's media, while a thread reads the next: the encoder never waits for the disk."""

    def read(shard: Path) -> ShardMedia:
        wanted = {stream.encoder.spec.modality for stream in streams if shard.name in stream.missing}
        return ShardMedia.read(shard, sample_rate, wanted)

    with ThreadPoolExecutor(1, thread_name_prefix="read-media") as reader:
        coming = reader.submit(read, todo[0])
        for number, shard in enumerate(todo):
            media = coming.result()
            if number + 1 < len(todo):
                coming = reader.submit(read, todo[number + 1])
            yield shard, media
