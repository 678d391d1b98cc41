"""Files that became no clips, in groups of one dataset and reason, with what can still be seen of a few of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.evaluation.report.contact_sheet import jpeg_uri
from unmask.evaluation.unscored_items import find_cause
from unmask.manifests.manifest import Kind, MediaRow
from unmask.preprocess.outcomes import Outcome
from unmask.preprocess.shards.media_shard import MediaShard

# On the whole page: each is a few kilobytes, and more of them teach nothing new.
SHOWN = 24

Key = tuple[str, str]
"""(media id, content) of an item in a shard."""


@dataclass(frozen=True, slots=True)
class LostFile:
    path: str
    kind: Kind
    problem: str | None
    thumbnail: str | None
    """A small JPEG as a data URI; None where nothing of the file can be seen."""


@dataclass(frozen=True, slots=True)
class LostGroup:
    dataset: str
    reason: str
    real: int
    fake: int
    shown: tuple[LostFile, ...]

    @property
    def files(self) -> int:
        return self.real + self.fake


def lost_rows(rows: Iterable[MediaRow], outcomes: Mapping[str, Outcome]) -> list[MediaRow]:
    """Rows that the scan or preprocessing could not use."""
    return [row for row in rows if row.status == "failed" or _failed(outcomes.get(row.media_id))]


def lost_groups(
    lost: Sequence[MediaRow], outcomes: Mapping[str, Outcome], shards: Iterable[Path], shown: int = SHOWN
) -> list[LostGroup]:
    """`lost` (of `lost_rows`) by dataset and reason. `shards`: at least those that hold the lost items.

    At most `shown` files are described, the same number of each group where it has as many, and first those of which
    something can be seen; the counts are of all.
    """
    groups: dict[tuple[int, str, str], list[MediaRow]] = {}
    for row in sorted(lost, key=lambda row: row.path):
        reason, _ = find_cause(row, outcomes.get(row.media_id))
        groups.setdefault((row.domain_id, row.dataset, reason), []).append(row)
    ordered = sorted(groups.items(), key=lambda pair: (pair[0][:2], -len(pair[1]), pair[0]))
    seen = _thumbnails(shards, {_key(row): number for number, (_, rows) in enumerate(ordered) for row in rows}, shown)
    places = _shared_out([len(rows) for _, rows in ordered], shown)
    return [
        _group(dataset, reason, rows, outcomes, seen, count)
        for ((_, dataset, reason), rows), count in zip(ordered, places, strict=True)
    ]


def _group(
    dataset: str,
    reason: str,
    rows: list[MediaRow],
    outcomes: Mapping[str, Outcome],
    seen: Mapping[Key, bytes],
    count: int,
) -> LostGroup:
    first = sorted(rows, key=lambda row: _key(row) not in seen)[:count]
    files = []
    for row in first:
        _, problem = find_cause(row, outcomes.get(row.media_id))
        picture = seen.get(_key(row))
        files.append(LostFile(row.path, row.kind, problem, jpeg_uri(picture) if picture else None))
    fake = sum(row.label == 1 for row in rows)
    return LostGroup(dataset, reason, len(rows) - fake, fake, tuple(files))


def _thumbnails(shards: Iterable[Path], groups: Mapping[Key, int], most: int) -> dict[Key, bytes]:
    """The JPEGs of lost items, at most `most` of a group."""
    found: dict[Key, bytes] = {}
    left = dict.fromkeys(groups.values(), most)
    for path in shards:
        shard = MediaShard(path)
        for position, entry in enumerate(shard.entries):
            key = (str(entry["media_id"]), str(entry["content"]))
            wanted = entry["reason"] and key not in found and left.get(groups.get(key, -1), 0)
            if wanted and (picture := shard.thumbnail(position)):
                found[key] = picture
                left[groups[key]] -= 1
    return found


def _shared_out(sizes: Sequence[int], places: int) -> list[int]:
    """How many of each group are shown: one of each in turn, until there is no place or nobody left."""
    given = [0] * len(sizes)
    while places and given != list(sizes):
        for number, size in enumerate(sizes):
            if places and given[number] < size:
                given[number] += 1
                places -= 1
    return given


def _failed(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.outcome == "failed"


def _key(row: MediaRow) -> Key:
    return row.media_id, row.content
