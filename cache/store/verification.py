"""Verify every shard of a work folder, and set damaged ones aside until the stages have made them again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unmask.cache.store.inventory import Reference, list_references, list_store_folders
from unmask.cache.store.token_locks import hold_tokens
from unmask.cache.store.token_store import SPEC, find_damaged_shards, read_spec
from unmask.core.atomic_files import remove_path
from unmask.core.buckets.mirrored import find_bucket_damage, forget_path
from unmask.core.checksums import find_damage
from unmask.core.errors import MissingInput
from unmask.core.process_pool import count_cores
from unmask.core.progress import Progress
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.preprocess.shards.media_locks import hold_media
from unmask.preprocess.shards.shard_plan import get_media_folder, read_plan, select_usable_rows
from unmask.preprocess.task import make_item_key

ASIDE = "damaged-"
"""Before the name of a shard or file that is being made again."""


@dataclass(frozen=True, slots=True)
class Damage:
    path: str
    """Of the shard or file, relative to the work folder."""
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def verify(work: WorkFolder) -> list[Damage]:
    """Find every media and token shard that is missing, foreign or changed since it was written."""
    media = sorted(work.media.glob("*/shard-*.zarr"))
    stores = list_store_folders(work)
    shards = [path for store in stores for path in sorted(store.glob("shard-*.zarr"))]
    found = list(_check_specs(work, stores)) + list(_find_missing(work))
    with Progress("verify", len(media) + len(shards), "shards") as bar, ThreadPoolExecutor(count_cores()) as pool:
        for path, wrong in zip([*media, *shards], pool.map(_find_damage, [*media, *shards]), strict=True):
            bar.advance(failed=int(bool(wrong)))
            if wrong:
                found.append(Damage(_get_path_name(work, path), _list_files(wrong)))
    return sorted(set(found), key=lambda one: one.path)


def _find_damage(shard: Path) -> list[str]:
    stored = find_bucket_damage(shard)
    if stored is not None:  # the files of a copy are compared when they are fetched and used
        return stored
    if not (shard.parent / SPEC).is_file():
        return find_damage(shard)
    try:
        return find_damaged_shards(shard.parent, [shard.name]).get(shard.name, [])
    except MissingInput:  # reported once, for the store
        return find_damage(shard)


def _check_specs(work: WorkFolder, stores: Iterable[Path]) -> Iterator[Damage]:
    for store in stores:
        try:
            spec, media = read_spec(store)
        except MissingInput as error:
            yield Damage(_get_path_name(work, store / SPEC), error.problem.removeprefix(f"{store}: "))
            continue
        if store.name != f"{spec.name}-{spec.fingerprint(media)}":
            yield Damage(_get_path_name(work, store / SPEC), "of another store")


def _find_missing(work: WorkFolder) -> Iterator[Damage]:
    """Find the shards that a profile index lists and that do not exist."""
    for reference in list_references(work):
        listed = [work.tokens / folder / shard for folder in sorted(reference.whole) for shard in reference.shards]
        listed += [get_media_folder(work, reference.profile.preprocess) / shard for shard in reference.shards]
        # Imported tokens are complete without their media.
        for path in listed:
            if not path.is_dir() and (path.parent.is_dir() or path.parent.parent == work.tokens):
                yield Damage(_get_path_name(work, path), "is missing")


def set_damaged_aside(
    work: WorkFolder, found: Sequence[Damage], manifest: Manifest | None
) -> tuple[list[str], list[str]]:
    """Rename damaged shards, so that the stages make them again: (renamed, kept), paths relative to the work folder.

    What is still good of them is there until `remove_replaced`. A damaged media shard is kept when one of its source
    files no longer exists, or without a manifest, because it could not be made again.
    """
    media = {work.root / one.path for one in found if (work.root / one.path).is_relative_to(work.media)}
    kept = {path for path in media if not _can_be_made_again(path, manifest)}
    renamed = [one.path for one in found if work.root / one.path not in kept]
    with ExitStack() as stack:
        stack.enter_context(hold_tokens(work, alone=True))
        for folder in sorted({path.parent for path in media - kept}):
            stack.enter_context(hold_media(work, folder, alone=True))
        for name in renamed:
            _set_aside(work.root / name)
    return renamed, sorted(_get_path_name(work, path) for path in kept)


def _set_aside(path: Path) -> None:
    aside = path.with_name(ASIDE + path.name)
    if path.exists():  # else it is missing, and reported for that
        remove_path(aside)
        path.rename(aside)
    forget_path(path)  # in a bucket, what is damaged would count as made


def remove_replaced(work: WorkFolder) -> list[str]:
    """Remove what was renamed and the stages have made again; the former paths of what they have not."""
    waiting = []
    for aside in sorted(path for folder in (work.media, work.tokens) for path in folder.glob(f"*/{ASIDE}*")):
        path = aside.with_name(aside.name.removeprefix(ASIDE))
        if path.exists():
            remove_path(aside)
        else:
            waiting.append(_get_path_name(work, path))
    return waiting


def _can_be_made_again(shard: Path, manifest: Manifest | None) -> bool:
    if manifest is None:
        return False
    rows = {make_item_key(row): row for row in select_usable_rows(manifest)}
    wanted = [planned.items for planned in read_plan(shard.parent) if planned.name == shard.name]
    items = [rows.get(key) for items in wanted for key in items]
    return bool(items) and all(row is not None and manifest.locate(row).is_file() for row in items)


def find_affected_profiles(work: WorkFolder, removed: Collection[str]) -> list[Reference]:
    """The profiles that a removed path belongs to, the latest last."""

    def is_affected(reference: Reference) -> bool:
        folders = [work.tokens / folder for folder in reference.stores]
        folders.append(get_media_folder(work, reference.profile.preprocess))
        return any((work.root / path).parent in folders for path in removed)

    return [reference for reference in list_references(work) if is_affected(reference)]


def _get_path_name(work: WorkFolder, path: Path) -> str:
    return path.relative_to(work.root).as_posix()


def _list_files(wrong: Sequence[str]) -> str:
    return ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
