"""What a split gives away: people, sources, equal files and near-duplicates that are in more than one split."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from unmask.manifests.manifest import Manifest, Split
from unmask.manifests.splits.identity_graph import NEAR, SAME_FILE, Ints, Links
from unmask.manifests.splits.split_columns import SPLITS, columns, positions

MARKER = "+leaks:"
_MARKED = re.compile(re.escape(MARKER) + r"(\d+)")


@dataclass(frozen=True, slots=True)
class Leak:
    """One thing that is in several splits."""

    key: str
    """Person, source, `links.SAME_FILE` and a content fingerprint, or `links.NEAR` and a cluster."""
    items: dict[Split, int]
    """How many files of each split bear it; only splits that have any."""

    def __str__(self) -> str:
        """For example "celeb:id3 (train 12, test 4)"."""
        name = self.key.removeprefix("~").replace(":", " ", 1) if self.key.startswith((SAME_FILE, NEAR)) else self.key
        return f"{name} ({', '.join(f'{split} {count}' for split, count in self.items.items())})"


@dataclass(frozen=True)
class Leaks:
    """All leaks of one assignment, columnar: a published split can have tens of thousands."""

    keys: list[str]
    counts: Ints
    """(L, 3) files in each of SPLITS."""

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[Leak]:
        for key, counts in zip(self.keys, self.counts.tolist(), strict=True):
            yield Leak(key, {split: count for split, count in zip(SPLITS, counts, strict=True) if count})

    def first(self, count: int) -> list[Leak]:
        return list(Leaks(self.keys[:count], self.counts[:count]))

    def as_json(self, *, shown: int = 20) -> dict[str, object]:
        listed = [
            {"key": leak.key, "items": {str(split): count for split, count in leak.items.items()}}
            for leak in self.first(shown)
        ]
        return {"leaks": len(self), "files_held_out": int(self.counts[:, 1:].sum()), "first": listed}


def leaks_of(manifest: Manifest, near: pa.Table | None = None) -> Leaks:
    """The leaks of the split that the manifest has now. `near`: clusters of near-duplicates, see `links.link`."""
    rows, order = columns(manifest.table, near)
    return find_leaks(rows.links, positions(manifest.table.column("split"))[order])


def find_leaks(links: Links, splits: Ints) -> Leaks:
    """`splits` (R,): position in SPLITS, below 0 for rows in no split."""
    counts = np.stack([links.rows.T @ (splits == split).astype(np.int64) for split in range(3)], axis=1)
    leaking = np.flatnonzero((counts > 0).sum(axis=1) > 1)
    return Leaks(links.keys.take(pa.array(leaking)).to_pylist(), counts[leaking])


def allowed_leaks(split_scheme: str) -> int:
    """How many leaks a split was made with, by its recorded scheme; 0 for one that does not leak. A report on such a
    split must say so."""
    marked = _MARKED.search(split_scheme)
    return int(marked[1]) if marked else 0
