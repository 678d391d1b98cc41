"""The profile index: which token stores belong to one profile, over the same media shards.

tokens/<profile fingerprint>.json, and tokens/latest.json for the last one written:
    {"profile": {...}, "media": fingerprint, "shards": [names], "streams": {encoder: folder name},
     "views": {encoder: [folder of augmented version 1, 2, ...]},
     "others": [native folders that some of these were projected from]}
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from unmask.cache.store.first_open import check_first_open
from unmask.cache.store.ragged import REMEDY, REPAIR
from unmask.cache.store.token_store import TokenStore
from unmask.cache.weights.trained_on import describe_seen
from unmask.core.buckets.mirrored import find_bucket_damage
from unmask.core.checksums import FILE as CHECKSUMS
from unmask.core.checksums import find_damage
from unmask.core.errors import DamagedInput, MissingInput
from unmask.core.files import sealed_files
from unmask.core.files.damage import as_missing_input
from unmask.core.hashing import fingerprint
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import Profile
from unmask.preprocess.shards.shard_plan import find_shards, get_media_folder, hash_media_settings

LATEST = "latest.json"
ADAPT_AGAIN = "unmask adapt on this split, or unmask extract with other weights (docs/adapt.md)"


Name = Annotated[str, Field(pattern=r"^[^/\x00]+$")]
"""Of a file or folder inside the work folder."""


class _Index(BaseModel):
    """The file, as `write_index` writes it; `views` and `others` are missing in those of earlier versions."""

    profile: Profile
    media: str
    shards: list[Name]
    streams: dict[str, Name]
    views: dict[str, list[Name]] = {}
    others: list[Name] = []


@dataclass(frozen=True, slots=True)
class ProfileTokens:
    """The opened token stores of a profile, one per encoder, over the same clips."""

    profile: Profile
    media: str
    """Fingerprint of the preprocessing."""
    shards: list[str]
    """Names of the media shards with the manifest's files, in the order of the stores' clips."""
    stores: dict[str, TokenStore]
    """Encoder -> its token store."""
    views: dict[str, list[TokenStore]] = field(default_factory=dict)
    """Encoder -> its tokens of augmented version 1, 2, ...: the same clips, and the same number of tokens per clip."""

    def __repr__(self) -> str:
        stores = "\n".join(f"  {store!r}" for store in self.stores.values())
        return f"{type(self).__name__}(profile {self.profile.name}, {len(self.shards)} shards,\n{stores}\n)"


def hash_media(shard: Path) -> str:
    """Hash of a media shard's content: equal for shards of equal files."""
    try:
        return fingerprint((shard / CHECKSUMS).read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise DamagedInput(f"{shard / CHECKSUMS}: damaged, not UTF-8", REPAIR) from error
    except OSError as error:
        raise as_missing_input(error, f"{shard}: no finished media shard", "run `unmask preprocess` again") from error


def write_index(
    work: WorkFolder,
    profile: Profile,
    shards: list[str],
    folders: Mapping[str, str],
    views: Mapping[str, list[str]] | None = None,
    others: Collection[str] = (),
    *,
    latest: bool = True,
) -> None:
    """Write the index, as the last step of `extract`: every store in it is finished. `latest`: also as LATEST."""
    about = {
        "profile": profile.model_dump(mode="json"),
        "media": hash_media_settings(profile.preprocess),
        "shards": shards,
        "streams": dict(folders),
        "views": dict(views or {}),
        "others": sorted(others),
    }
    sealed_files.write_json(work.tokens / f"{profile.fingerprint()}.json", about)
    if latest:
        sealed_files.write_json(work.tokens / LATEST, about)


def open_tokens(work: WorkFolder, manifest: Manifest, profile: Profile | None = None) -> ProfileTokens:
    """Open the tokens of `manifest` from every encoder of `profile` (None: the last one extracted).

    `MissingInput` when a shard is missing, foreign, or older than the media it was made from, and when an encoder was
    adapted on files that `manifest` holds out. `DamagedInput` for any file that is not as it was written.
    """
    path = work.tokens / (LATEST if profile is None else f"{profile.fingerprint()}.json")
    profile, media, listed, folders = read_index(path)
    if media != hash_media_settings(profile.preprocess):
        raise MissingInput(f"{path}: tokens of another version's media", f"unmask preprocess, then {REMEDY}")
    needed = find_shards(get_media_folder(work, profile.preprocess), manifest)
    names = [shard.name for shard in needed]
    absent = sorted(set(names) - set(listed))
    if absent:
        raise MissingInput(f"{path}: {len(absent)} of {len(names)} media shards have no tokens yet", REMEDY)
    stores = {encoder: TokenStore(work.tokens / folder, names) for encoder, folder in folders.items()}
    for encoder, store in stores.items():
        if seen := describe_seen(encoder, store.folder, manifest):
            raise MissingInput(seen, ADAPT_AGAIN)
    views = {
        encoder: [TokenStore(work.tokens / folder, names) for folder in of_views]
        for encoder, of_views in read_augmented_folders(path).items()
    }
    opened = [*stores.values(), *chain.from_iterable(views.values())]
    for store in opened:  # first: damage may look like other media
        check_first_open(store.folder, names)
    _refuse_stale(needed, opened)
    return ProfileTokens(profile, media, names, stores, views)


def _refuse_stale(shards: list[Path], stores: Sequence[TokenStore]) -> None:
    for shard in shards:
        version = hash_media(shard)
        for store in stores:
            if store.sources[shard.name] != version:
                _refuse_damaged(shard)
                raise MissingInput(f"{store.folder / shard.name}: {store.spec.name} tokens of older media", REMEDY)


def _refuse_damaged(media: Path) -> None:
    """`DamagedInput` for a media shard that was damaged since, rather than made again."""
    stored = find_bucket_damage(media)
    wrong = find_damage(media) if stored is None else stored
    if wrong:
        raise DamagedInput(f"{media}: damaged since it was written ({', '.join(wrong[:3])})", REPAIR)


def read_augmented_folders(path: Path) -> dict[str, list[str]]:
    """Encoder -> folders of its augmented tokens, from an index that `read_index` accepts."""
    views: dict[str, list[str]] = sealed_files.read_json(path).get("views", {})
    return views


def list_referenced_folders(path: Path) -> set[str]:
    """Names of all store folders in an index: clean, augmented, and native ones that others were projected from."""
    _, _, _, folders = read_index(path)
    others: list[str] = sealed_files.read_json(path).get("others", [])
    return {*folders.values(), *chain.from_iterable(read_augmented_folders(path).values()), *others}


def read_index(path: Path) -> tuple[Profile, str, list[str], dict[str, str]]:
    """Profile, media fingerprint, names of the shards, encoder -> folder. `MissingInput` when foreign or missing."""
    try:
        about = _Index.model_validate(sealed_files.read_json(path))
        return about.profile, about.media, about.shards, about.streams
    except FileNotFoundError as error:
        raise MissingInput(f"{path}: no tokens of this profile", REMEDY) from error
    except (ValueError, RecursionError) as error:  # ValidationError is a ValueError
        problem = f"{path}: not a profile index of this version"
        raise as_missing_input(error, problem, f"remove it, then {REMEDY}") from error
