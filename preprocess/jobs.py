"""Jobs of a run: shards to write, and finished shards whose failed items are retried."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.core.checksums import FILE as CHECKSUMS
from unmask.preprocess.shards.media_item import MediaItem
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.preprocess.shards.shard_plan import PlannedShard


@dataclass(frozen=True, slots=True)
class Job:
    """One shard to write."""

    shard: PlannedShard
    keys: tuple[str, ...]
    """Items to preprocess, in the shard's order: all, or those to retry."""
    version: str | None = None
    """Of the finished shard, whose items that are not in `keys` are kept; None: it is to be written."""

    @property
    def finished(self) -> bool:
        return self.version is not None

    def is_made_elsewhere(self, folder: Path) -> bool:
        """Has another process written the shard since the jobs were listed?"""
        return read_version(folder / self.shard.name) != self.version

    def complete(self, folder: Path, items: Iterable[MediaItem]) -> Iterable[MediaItem] | None:
        """All items of the shard, given the new `items` of `keys`; None if the finished shard would not change."""
        if not self.finished:
            return items
        old, new = MediaShard(folder / self.shard.name), dict(zip(self.keys, items, strict=True))
        before = [old.item(position) for position in range(len(self.shard.items))]
        after = [new.get(key, item) for key, item in zip(self.shard.items, before, strict=True)]
        return None if all(map(_is_unchanged, before, after)) else after


def list_jobs(
    folder: Path, shards: Sequence[PlannedShard], current: Collection[str], retry: Collection[str] = ()
) -> list[Job]:
    """Unfinished shards, and finished ones with items that failed for a reason in `retry`.

    `current`: keys of the items in the manifest; others are not retried.
    """
    jobs = []
    for shard in shards:
        path = folder / shard.name
        if not path.is_dir():
            jobs.append(Job(shard, shard.items))
        elif retry and (keys := _list_failed(path, shard, current, retry)):
            jobs.append(Job(shard, keys, read_version(path)))
    return jobs


def read_version(shard: Path) -> str | None:
    """The checksums of a shard's files, in one text; None for one that is not finished."""
    try:
        return (shard / CHECKSUMS).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return "" if shard.is_dir() else None


def _list_failed(path: Path, shard: PlannedShard, current: Collection[str], retry: Collection[str]) -> tuple[str, ...]:
    reasons = (entry["reason"] for entry in MediaShard(path).entries)
    pairs = zip(shard.items, reasons, strict=True)
    return tuple(key for key, reason in pairs if reason in retry and key in current)


def _is_unchanged(before: MediaItem, after: MediaItem) -> bool:
    """Items that were not retried are the same object."""
    if after is before:
        return True
    return bool(after.reason) and (before.reason, before.problem, before.thumbnail) == (
        after.reason,
        after.problem,
        after.thumbnail,
    )
