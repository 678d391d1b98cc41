"""Which rows share a person, a source or their very bytes, as one sparse matrix, and what that connects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from manifests.item import DATASETS, MediaRow

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Sorts after every other key, so that a group bears the name of a person or source where it has one.
SAME_FILE = "~same-file:"


@dataclass(frozen=True)
class Links:
    """R rows, K keys."""

    rows: Any
    """(R, K) scipy CSR of 0 and 1: the row bears the key."""
    keys: list[str]
    """Sorted."""
    people: Flags
    """(K,) The key is a person."""

    def components(self, among: Flags) -> Ints:
        """(R,) number of the component each row of `among` is in, in order of first rows; -1 for the other rows."""
        numbers = np.full(len(among), -1, np.int64)
        part = self.rows[among]
        count, keys = part.shape
        if not count:
            return numbers
        graph = (
            sparse.block_array([[None, part], [part.T, None]], format="csr")
            if keys
            else sparse.csr_array((count, count))
        )
        _, found = connected_components(graph, directed=False)
        _, first, inverse = np.unique(found[:count], return_index=True, return_inverse=True)
        numbers[among] = np.argsort(np.argsort(first))[inverse]
        return numbers

    def touched_by(self, rows: Flags) -> Flags:
        """(R,) rows that share a key with one of `rows`, themselves included where they have a key."""
        keys = np.asarray(self.rows.T @ rows.astype(np.int64)) > 0
        return np.asarray(self.rows @ keys.astype(np.int64)) > 0


def link(rows: Sequence[MediaRow]) -> Links:
    copies = Counter(row.content for row in rows if row.content)
    borne = [
        {*row.people, *row.sources, *([SAME_FILE + row.content] if copies[row.content] > 1 else [])} for row in rows
    ]
    keys = sorted(set().union(*borne))
    position = {key: number for number, key in enumerate(keys)}
    columns = np.array([position[key] for names in borne for key in sorted(names)], np.int64)
    starts = np.concatenate([[0], np.cumsum([len(names) for names in borne], dtype=np.int64)])
    people = set().union(*(row.people for row in rows))
    matrix = sparse.csr_array((np.ones(len(columns), np.int64), columns, starts), shape=(len(rows), len(keys)))
    return Links(matrix, keys, np.array([key in people for key in keys], np.bool_))


def names(links: Links, components: Ints, media_ids: Sequence[str]) -> list[str]:
    """(C,) a name for each component: its first key, or its only row's media_id."""
    count = int(components.max(initial=-1)) + 1
    first_key = np.full(count, len(links.keys), np.int64)
    borne = links.rows.tocoo()
    inside = components[borne.row] >= 0
    np.minimum.at(first_key, components[borne.row[inside]], borne.col[inside])
    first_row = np.full(count, len(media_ids), np.int64)
    members = np.flatnonzero(components >= 0)
    np.minimum.at(first_row, components[members], members)
    keys = [*links.keys, ""]
    return [keys[key] or media_ids[row] for key, row in zip(first_key.tolist(), first_row.tolist(), strict=True)]


def dataset_order(datasets: set[str]) -> list[str]:
    """The nine in their order, then the others by name."""
    return sorted(datasets, key=lambda name: (DATASETS.index(name) if name in DATASETS else len(DATASETS), name))
