"""Rows without files, for the tests of splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from unmask.core.hashing import make_media_id
from unmask.manifests.manifest import MediaRow, Split, from_rows
from unmask.manifests.splits.leaks import find_manifest_leaks


def row(
    name: str,
    label: int,
    *people: str,
    dataset: str = "mine",
    sources: Sequence[str] = (),
    official: Split | None = None,
    method: str = "unknown",
    content: str = "",
) -> MediaRow:
    return MediaRow(
        media_id=make_media_id(dataset, name),
        dataset=dataset,
        domain_id=0,
        path=name,
        kind="video",
        label=label,
        method=method if label else "none",
        people=people,
        sources=tuple(sources),
        official_split=official,
        content=content,
    )


def splits_by_name(rows: Sequence[MediaRow]) -> dict[str, Split | None]:
    return {row.path: row.split for row in rows}


def cells(rows: Sequence[MediaRow]) -> Counter[tuple[str, int | None, Split | None]]:
    return Counter((row.dataset, row.label, row.split) for row in rows)


def leaks(rows: Sequence[MediaRow]) -> dict[str, tuple[Split, ...]]:
    """Identity, source or equal file -> the splits it is in, for all that are in more than one."""
    return {leak.key: tuple(sorted(leak.items)) for leak in find_manifest_leaks(from_rows(rows, {}))}
