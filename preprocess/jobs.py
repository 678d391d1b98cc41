"""What there is to do: shards to make, and finished shards of which failed items are tried again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.preprocess.shards.media_shard import MediaItem, MediaShard
from unmask.preprocess.shards.shard_plan import PlannedShard


@dataclass(frozen=True, slots=True)
class Job:
    """One shard to write."""

    shard: PlannedShard
    keys: tuple[str, ...]
    """Items to make for it, in its order: all, or those to try again."""
    finished: bool = False
    """It lies there already; the items that are not in `keys` are kept from it."""

    def complete(self, folder: Path, made: Iterable[MediaItem]) -> Iterable[MediaItem] | None:
        """The shard's items from those `made` of `keys`; None where the finished shard has the very same."""
        if not self.finished:
            return made
        old, new = MediaShard(folder / self.shard.name), dict(zip(self.keys, made, strict=True))
        before = [old.item(position) for position in range(len(self.shard.items))]
        after = [new.get(key, item) for key, item in zip(self.shard.items, before, strict=True)]
        return None if all(map(_same_failure, before, after)) else after


def jobs_for(
    folder: Path, shards: Sequence[PlannedShard], asked: Collection[str], retry: Collection[str] = ()
) -> list[Job]:
    """Shards that are not finished, and finished ones with items that failed for a reason in `retry`.

    `asked`: keys of the items that the manifest still holds; others are not tried again.
    """
    jobs = []
    for shard in shards:
        if not (folder / shard.name).is_dir():
            jobs.append(Job(shard, shard.items))
        elif retry and (keys := _failed(folder / shard.name, shard, asked, retry)):
            jobs.append(Job(shard, keys, finished=True))
    return jobs


def _failed(path: Path, shard: PlannedShard, asked: Collection[str], retry: Collection[str]) -> tuple[str, ...]:
    reasons = (entry["reason"] for entry in MediaShard(path).entries)
    pairs = zip(shard.items, reasons, strict=True)
    return tuple(key for key, reason in pairs if reason in retry and key in asked)


def _same_failure(before: MediaItem, after: MediaItem) -> bool:
    """Items that were not tried again are the very same object."""
    if after is before:
        return True
    return bool(after.reason) and (before.reason, before.problem, before.thumbnail) == (
        after.reason,
        after.problem,
        after.thumbnail,
    )
