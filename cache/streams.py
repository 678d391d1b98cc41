"""Which token stores belong together: the streams of one profile over the same media shards.

tokens/<profile fingerprint>.json, and tokens/latest.json for the last one written:
    {"profile": {...}, "media": fingerprint, "shards": [names], "streams": {encoder: folder name}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from cache.store import REMEDY, TokenStore
from core.atomic import write_json
from core.checksums import FILE as CHECKSUMS
from core.errors import MissingInput
from core.fingerprint import fingerprint
from core.workfolder import WorkFolder
from manifests.item import Manifest
from preprocess.plan import media_fingerprint, media_folder, needed_shards
from preprocess.profiles import Profile

LATEST = "latest.json"


@dataclass(frozen=True, slots=True)
class Streams:
    """Opened tokens of every encoder of a profile, over the same clips."""

    profile: Profile
    media: str
    """Fingerprint of the preprocessing."""
    shards: list[str]
    """Names of the media shards that hold the manifest's items, in the order of the stores' clips."""
    stores: dict[str, TokenStore]
    """Encoder -> its tokens."""


def media_version(shard: Path) -> str:
    """Names the content of a media shard: two with the same files have the same."""
    try:
        return fingerprint((shard / CHECKSUMS).read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingInput(f"{shard}: no finished media shard", "run `unmask preprocess` again") from error


def write_streams(work: WorkFolder, profile: Profile, shards: list[str], folders: Mapping[str, str]) -> None:
    """The last step of `extract`: everything named here is finished."""
    about = {
        "profile": profile.model_dump(mode="json"),
        "media": media_fingerprint(profile.preprocess),
        "shards": shards,
        "streams": dict(folders),
    }
    write_json(work.tokens / f"{profile.fingerprint()}.json", about)
    write_json(work.tokens / LATEST, about)


def open_streams(work: WorkFolder, manifest: Manifest, profile: Profile | None = None) -> Streams:
    """The tokens of `manifest`'s items by every encoder of `profile` (None: the last one extracted).

    `MissingInput` when a shard is missing, damaged in size, foreign, or older than the media it was made from.
    """
    path = work.tokens / (LATEST if profile is None else f"{profile.fingerprint()}.json")
    profile, media, listed, folders = _read(path)
    if media != media_fingerprint(profile.preprocess):
        raise MissingInput(f"{path}: tokens of another version's media", f"make manifest, then {REMEDY}")
    needed = needed_shards(media_folder(work, profile.preprocess), manifest)
    names = [shard.name for shard in needed]
    absent = sorted(set(names) - set(listed))
    if absent:
        raise MissingInput(f"{path}: {len(absent)} of {len(names)} media shards have no tokens yet", REMEDY)
    stores = {encoder: TokenStore(work.tokens / folder, names) for encoder, folder in folders.items()}
    _refuse_stale(needed, stores)
    return Streams(profile, media, names, stores)


def _refuse_stale(shards: list[Path], stores: Mapping[str, TokenStore]) -> None:
    for shard in shards:
        version = media_version(shard)
        for encoder, store in stores.items():
            if store.sources[shard.name] != version:
                raise MissingInput(f"{store.folder / shard.name}: {encoder} tokens of older media", REMEDY)


def _read(path: Path) -> tuple[Profile, str, list[str], dict[str, str]]:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        return Profile.model_validate(about["profile"]), about["media"], about["shards"], about["streams"]
    except FileNotFoundError as error:
        raise MissingInput(f"{path}: no tokens of this profile", REMEDY) from error
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise MissingInput(f"{path}: not a streams file of this version", f"remove it, then {REMEDY}") from error
