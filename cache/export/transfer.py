"""Export of a work folder's last profile to one HDF5 file, and import into another work folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from unmask.cache.export.hdf5_file import REMEDY, Hdf5Tokens, read_about, write_hdf5
from unmask.cache.store.profile_index import LATEST, read_index, write_index
from unmask.cache.store.ragged import REPAIR
from unmask.cache.store.token_locks import hold_stores, hold_tokens
from unmask.cache.store.token_store import SPEC, Finished, TokenStore, create_store, write_tokens
from unmask.cache.weights.trained_on import FILE as TRAINED_ON
from unmask.cache.weights.trained_on import TrainedOn
from unmask.core.atomic_files import write_text
from unmask.core.checksums import find_damage
from unmask.core.errors import MissingInput, UsageError
from unmask.core.progress import Progress
from unmask.core.sharing.shared_work import Claims
from unmask.core.stage_report import StageReport
from unmask.core.work_folder import WorkFolder
from unmask.preprocess.profiles import Profile
from unmask.preprocess.shards.media_locks import claim_shards
from unmask.preprocess.shards.shard_plan import get_media_folder, hash_media_settings

FINITE_AT_ONCE = 16 << 20
"""Numbers of an export that are looked at together."""


@dataclass(frozen=True, slots=True)
class LatestTokens:
    """The token stores of the last profile, opened without its media."""

    profile: Profile
    media: str
    shards: list[str]
    stores: dict[str, TokenStore]


def open_latest(work: WorkFolder) -> LatestTokens:
    """Open the tokens of the last profile.

    `MissingInput` when there are none, or a shard is missing, damaged or foreign.
    """
    profile, media, shards, folders = read_index(work.tokens / LATEST)
    stores = {encoder: TokenStore(work.tokens / folder, shards) for encoder, folder in folders.items()}
    for store in stores.values():
        for shard, wrong in store.verify().items():
            raise MissingInput(f"{store.folder / shard}: damaged ({', '.join(wrong[:3])})", REPAIR)
    return LatestTokens(profile, media, shards, stores)


def export_hdf5(work: WorkFolder, out: Path) -> LatestTokens:
    """Write all clean tokens of the last profile to `out`; return them."""
    latest = open_latest(work)
    about = {"profile": latest.profile.model_dump(mode="json"), "media": latest.media, "shards": latest.shards}
    write_hdf5(out, latest.stores, about)
    return latest


def import_hdf5(work: WorkFolder, path: Path) -> list[StageReport]:
    """Import an exported file into `work` as its last profile: the same shards, byte for byte. One report per encoder.

    Shards that exist already are kept. `MissingInput` when the file is foreign, damaged, edited or from another version
    of the program; `UsageError` when `work` has tokens of the same name from other media.
    """
    about, names = read_about(path)
    profile, media, shards = _check_about(path, about)
    exported = {name: Hdf5Tokens(path, name) for name in names}
    for name, tokens in exported.items():
        if tokens.verify() or tokens.media != media or tokens.shards != shards or not _is_usable(tokens):
            raise MissingInput(f"{path}: {name} is damaged", REMEDY)
    folders = {name: f"{tokens.spec.name}-{tokens.fingerprint}" for name, tokens in exported.items()}
    for name, tokens in exported.items():
        _refuse_other_media(work.tokens / folders[name], tokens)
    claims = claim_shards(work, get_media_folder(work, profile.preprocess))
    with (
        hold_tokens(work),
        Progress("import", sum(len(tokens) for tokens in exported.values()), "clips") as bar,
    ):
        with hold_stores(work):
            for name, tokens in exported.items():
                _create_store(work.tokens / folders[name], tokens, claims)
        reports = [_import_store(work.tokens / folders[name], tokens, bar, claims) for name, tokens in exported.items()]
        write_index(work, profile, _merge_shards(work, profile, shards, folders), folders)
    return reports


def _check_about(path: Path, about: Mapping[str, object]) -> tuple[Profile, str, list[str]]:
    try:
        profile, media, shards = Profile.model_validate(about["profile"]), about["media"], about["shards"]
    except (ValidationError, KeyError, RecursionError) as error:
        raise MissingInput(f"{path}: exported by another version of this program", REMEDY) from error
    if media != hash_media_settings(profile.preprocess) or not isinstance(shards, list):
        raise MissingInput(f"{path}: made from another version's media", REMEDY)
    return profile, media, shards


def _is_usable(tokens: Hdf5Tokens) -> bool:
    """Are all tokens finite, and is the record of what adapted weights have seen one of this version?"""
    try:
        if tokens.trained_on:
            TrainedOn.model_validate(json.loads(tokens.trained_on))
    except (ValueError, RecursionError):  # ValidationError is a ValueError
        return False
    step = max(1, FINITE_AT_ONCE // max(1, tokens.spec.width))
    parts = (part[start : start + step] for part in tokens.parts for start in range(0, len(part), step))
    return all(bool(np.isfinite(part).all()) for part in parts)


def _refuse_other_media(folder: Path, tokens: Hdf5Tokens) -> None:
    for shard, about in tokens.about.items():
        here = Finished.read(folder / shard, tokens.fingerprint)
        if here is not None and here.source != about.source:
            raise UsageError(
                f"{folder / shard}: these tokens are from other media", "import into another --work folder"
            )


def _create_store(folder: Path, tokens: Hdf5Tokens, claims: Claims) -> None:
    create_store(folder, tokens.spec, tokens.media)
    if tokens.trained_on:
        write_text(folder / TRAINED_ON, tokens.trained_on.decode())
    claims.remove_leftovers(folder, (SPEC, TRAINED_ON))


def _import_store(folder: Path, tokens: Hdf5Tokens, bar: Progress, claims: Claims) -> StageReport:
    report = StageReport(f"import {tokens.encoder}", given=len(tokens))
    first = token = 0
    for shard, about in tokens.about.items():
        lengths = tokens.lengths[first : first + len(about.keys)]
        rows = slice(token, token + int(lengths.sum()))
        with claims.hold(shard):
            if Finished.read(folder / shard, tokens.fingerprint) == about and not find_damage(folder / shard):
                report.skipped += len(about.keys) - len(about.failed)
            else:
                write_tokens(
                    folder / shard,
                    tokens.fingerprint,
                    about.keys,
                    tokens.parts[0][rows],
                    tokens.times[rows],
                    lengths.tolist(),
                    source=about.source,
                    failed=about.failed,
                )
                report.done += len(about.keys) - len(about.failed)
        report.failed |= about.failed
        bar.advance(len(about.keys), failed=len(about.failed))
        first, token = first + len(about.keys), rows.stop
    return report


def _merge_shards(work: WorkFolder, profile: Profile, shards: list[str], folders: Mapping[str, str]) -> list[str]:
    """Keep the shards in the index that the same stores had before."""
    try:
        _, _, before, known = read_index(work.tokens / f"{profile.fingerprint()}.json")
    except MissingInput:
        return shards
    return shards + [shard for shard in before if shard not in shards] if known == folders else shards
