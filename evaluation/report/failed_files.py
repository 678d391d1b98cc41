"""Files that gave no clips, grouped by dataset and reason, with thumbnails of a few."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.core.html.pages import encode_jpeg_uri
from unmask.evaluation.unscored_items import find_cause
from unmask.manifests.manifest import Kind, MediaRow
from unmask.preprocess.outcomes import Outcome
from unmask.preprocess.shards.media_shard import MediaShard

# Per page: each thumbnail is a few kilobytes.
SHOWN = 24

Key = tuple[str, str]
"""(media id, content) of an item in a shard."""


@dataclass(frozen=True, slots=True)
class LostFile:
    path: str
    kind: Kind
    problem: str | None
    thumbnail: str | None
    """A small JPEG as a data URI; None if nothing of the file can be decoded."""


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


def find_lost_rows(rows: Iterable[MediaRow], outcomes: Mapping[str, Outcome]) -> list[MediaRow]:
    """Rows that failed in scan or preprocess."""
    return [row for row in rows if row.status == "failed" or _has_failed(outcomes.get(row.media_id))]


def group_lost(
    lost: Sequence[MediaRow], outcomes: Mapping[str, Outcome], shards: Iterable[Path], shown: int = SHOWN
) -> list[LostGroup]:
    """`lost` (of `find_lost_rows`) by dataset and reason. `shards` must contain the lost items.

    At most `shown` files are described, shared evenly among the groups, files with a thumbnail first. Counts cover all
    files.
    """
    groups: dict[tuple[int, str, str], list[MediaRow]] = {}
    for row in sorted(lost, key=lambda row: row.path):
        reason, _ = find_cause(row, outcomes.get(row.media_id))
        groups.setdefault((row.domain_id, row.dataset, reason), []).append(row)
    ordered = sorted(groups.items(), key=lambda pair: (pair[0][:2], -len(pair[1]), pair[0]))
    seen = _read_thumbnails(
        shards, {_get_key(row): number for number, (_, rows) in enumerate(ordered) for row in rows}, shown
    )
    places = _share_places([len(rows) for _, rows in ordered], shown)
    return [
        _make_group(dataset, reason, rows, outcomes, seen, count)
        for ((_, dataset, reason), rows), count in zip(ordered, places, strict=True)
    ]


def _make_group(
    dataset: str,
    reason: str,
    rows: list[MediaRow],
    outcomes: Mapping[str, Outcome],
    seen: Mapping[Key, bytes],
    count: int,
) -> LostGroup:
    first = sorted(rows, key=lambda row: _get_key(row) not in seen)[:count]
    files = []
    for row in first:
        _, problem = find_cause(row, outcomes.get(row.media_id))
        thumbnail = seen.get(_get_key(row))
        files.append(LostFile(row.path, row.kind, problem, encode_jpeg_uri(thumbnail) if thumbnail else None))
    fake = sum(row.label == 1 for row in rows)
    return LostGroup(dataset, reason, len(rows) - fake, fake, tuple(files))


def _read_thumbnails(shards: Iterable[Path], groups: Mapping[Key, int], most: int) -> dict[Key, bytes]:
    """JPEGs of lost items, at most `most` per group."""
    thumbnails: dict[Key, bytes] = {}
    left = dict.fromkeys(groups.values(), most)
    for path in shards:
        shard = MediaShard(path)
        for position, entry in enumerate(shard.entries):
            key = (str(entry["media_id"]), str(entry["content"]))
            wanted = entry["reason"] and key not in thumbnails and left.get(groups.get(key, -1), 0)
            if wanted and (thumbnail := shard.thumbnail(position)):
                thumbnails[key] = thumbnail
                left[groups[key]] -= 1
    return thumbnails


def _share_places(sizes: Sequence[int], places: int) -> list[int]:
    """Number of shown files per group: one per group in turn, until all places or all files are used."""
    places_of = [0] * len(sizes)
    while places and places_of != list(sizes):
        for number, size in enumerate(sizes):
            if places and places_of[number] < size:
                places_of[number] += 1
                places -= 1
    return places_of


def _has_failed(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.outcome == "failed"


def _get_key(row: MediaRow) -> Key:
    return row.media_id, row.content
