"""The tokens of a work folder's last profile in one HDF5 file, and back into another work folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from unmask.cache.export.hdf5_file import REMEDY, Hdf5Tokens, read_about, write_hdf5
from unmask.cache.store.profile_index import LATEST, read_streams, write_streams
from unmask.cache.store.ragged import REPAIR
from unmask.cache.store.token_store import Finished, TokenStore, create_store, write_tokens
from unmask.core.atomic_files import sweep
from unmask.core.checksums import damage
from unmask.core.errors import MissingInput, UsageError
from unmask.core.progress import Progress
from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.preprocess.profiles import Profile
from unmask.preprocess.shards.shard_plan import media_fingerprint


@dataclass(frozen=True, slots=True)
class Latest:
    """The streams of the last profile, opened without a look at the media."""

    profile: Profile
    media: str
    shards: list[str]
    stores: dict[str, TokenStore]


def latest_streams(work: WorkFolder) -> Latest:
    """`MissingInput` when there are none, or a shard of them is missing, damaged or foreign."""
    profile, media, shards, folders = read_streams(work.tokens / LATEST)
    stores = {encoder: TokenStore(work.tokens / folder, shards) for encoder, folder in folders.items()}
    for store in stores.values():
        for shard, wrong in store.verify().items():
            raise MissingInput(f"{store.folder / shard}: damaged ({', '.join(wrong[:3])})", REPAIR)
    return Latest(profile, media, shards, stores)


def export_hdf5(work: WorkFolder, out: Path) -> Latest:
    """Write all streams of the last profile to `out`; what was exported."""
    latest = latest_streams(work)
    about = {"profile": latest.profile.model_dump(mode="json"), "media": latest.media, "shards": latest.shards}
    write_hdf5(out, latest.stores, about)
    return latest


def import_hdf5(work: WorkFolder, path: Path) -> list[StageReport]:
    """Bring an exported file into `work` as its last profile: the same shards, to the byte. One report an encoder.

    Shards that are there already are kept. `MissingInput` when the file is foreign, damaged, edited or of another
    version of the program; `UsageError` when `work` has tokens of the same name from other media.
    """
    about, names = read_about(path)
    profile, media, shards = _checked(path, about)
    streams = {name: Hdf5Tokens(path, name) for name in names}
    for name, stream in streams.items():
        if stream.verify() or stream.media != media or stream.shards != shards:
            raise MissingInput(f"{path}: {name} is damaged", REMEDY)
    folders = {name: f"{name}-{stream.fingerprint}" for name, stream in streams.items()}
    for name, stream in streams.items():
        _refuse_other_media(work.tokens / folders[name], stream)
    with Progress("import", sum(len(stream) for stream in streams.values()), "clips") as bar:
        reports = [_bring(work.tokens / folders[name], stream, bar) for name, stream in streams.items()]
    write_streams(work, profile, _with_those_here(work, profile, shards, folders), folders)
    return reports


def _checked(path: Path, about: Mapping[str, object]) -> tuple[Profile, str, list[str]]:
    try:
        profile, media, shards = Profile.model_validate(about["profile"]), about["media"], about["shards"]
    except (ValidationError, KeyError) as error:
        raise MissingInput(f"{path}: exported by another version of this program", REMEDY) from error
    if media != media_fingerprint(profile.preprocess) or not isinstance(shards, list):
        raise MissingInput(f"{path}: made from another version's media", REMEDY)
    return profile, media, shards


def _refuse_other_media(folder: Path, stream: Hdf5Tokens) -> None:
    for shard, about in stream.about.items():
        here = Finished.read(folder / shard, stream.fingerprint)
        if here is not None and here.source != about.source:
            raise UsageError(f"{folder / shard}: tokens of other media are here", "import into another --work folder")


def _bring(folder: Path, stream: Hdf5Tokens, bar: Progress) -> StageReport:
    report = StageReport(f"import {stream.stream}", given=len(stream))
    create_store(folder, stream.spec, stream.media)
    sweep(folder)
    first = token = 0
    for shard, about in stream.about.items():
        lengths = stream.lengths[first : first + len(about.keys)]
        rows = slice(token, token + int(lengths.sum()))
        if Finished.read(folder / shard, stream.fingerprint) == about and not damage(folder / shard):
            report.skipped += len(about.keys) - len(about.failed)
        else:
            write_tokens(
                folder / shard,
                stream.fingerprint,
                about.keys,
                stream.parts[0][rows],
                stream.times[rows],
                lengths.tolist(),
                source=about.source,
                failed=about.failed,
            )
            report.done += len(about.keys) - len(about.failed)
        report.failed |= about.failed
        bar.advance(len(about.keys), failed=len(about.failed))
        first, token = first + len(about.keys), rows.stop
    return report


def _with_those_here(work: WorkFolder, profile: Profile, shards: list[str], folders: Mapping[str, str]) -> list[str]:
    """Shards that the same stores had before stay listed."""
    try:
        _, _, before, known = read_streams(work.tokens / f"{profile.fingerprint()}.json")
    except MissingInput:
        return shards
    return shards + [shard for shard in before if shard not in shards] if known == folders else shards
