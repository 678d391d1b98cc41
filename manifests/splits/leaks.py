"""Leaks of a split: identities, sources, equal files and near-duplicates in more than one split."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from unmask.manifests.manifest import Manifest, Split
from unmask.manifests.splits.identity_graph import NEAR, SAME_FILE, Ints, Links
from unmask.manifests.splits.split_columns import SPLITS, index_splits, read_columns

MARKER = "+leaks:"
_MARKED = re.compile(re.escape(MARKER) + r"(\d+)")


@dataclass(frozen=True, slots=True)
class Leak:
    """One key that is in more than one split."""

    key: str
    """Identity, source, SAME_FILE + content hash, or NEAR + cluster (identity_graph.py)."""
    items: dict[Split, int]
    """Number of files per split; only splits that have any."""

    def __str__(self) -> str:
        """For example "celeb:id3 (train 12, test 4)"."""
        name = self.key.removeprefix("~").replace(":", " ", 1) if self.key.startswith((SAME_FILE, NEAR)) else self.key
        return f"{name} ({', '.join(f'{split} {count}' for split, count in self.items.items())})"


@dataclass(frozen=True)
class Leaks:
    """All leaks of one assignment as columns: a published split can have tens of thousands."""

    keys: list[str]
    counts: Ints
    """(L, 3) number of files per split, in the order of SPLITS."""

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


def find_manifest_leaks(manifest: Manifest, near: pa.Table | None = None) -> Leaks:
    """Leaks of the manifest's current split. `near`: clusters of near-duplicates, see `identity_graph.link`."""
    rows, order = read_columns(manifest.table, near)
    return find_leaks(rows.links, index_splits(manifest.table.column("split"))[order])


def find_leaks(links: Links, splits: Ints) -> Leaks:
    """`splits` (R,): position in SPLITS, below 0 for rows in no split."""
    counts = np.stack([links.rows.T @ (splits == split).astype(np.int64) for split in range(3)], axis=1)
    leaking = np.flatnonzero((counts > 0).sum(axis=1) > 1)
    return Leaks(links.keys.take(pa.array(leaking)).to_pylist(), counts[leaking])


def count_allowed_leaks(split_scheme: str) -> int:
    """Number of leaks recorded in `split_scheme` by --allow-leaks, else 0. A report on a leaking split must say so."""
    marked = _MARKED.search(split_scheme)
    return int(marked[1]) if marked else 0
