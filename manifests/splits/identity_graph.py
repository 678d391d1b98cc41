"""Which rows share a person, a source, their very bytes or a likeness, as one sparse matrix, and what that connects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from unmask.manifests.manifest import DATASETS

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Both sort after every other key, so that a group bears the name of a person or source where it has one.
SAME_FILE = "~same-file:"
NEAR = "~near-duplicate:"


@dataclass(frozen=True)
class Links:
    """R rows, K keys."""

    rows: Any
    """(R, K) scipy CSR of 0 and 1: the row bears the key."""
    keys: Any
    """(K,) pyarrow strings, sorted."""
    people: Flags
    """(K,) The key is a person."""

    def components(self, among: Flags) -> Ints:
        """(R,) number of the component each row of `among` is in, in order of first rows; -1 for the other rows."""
        numbers = np.full(len(among), -1, np.int64)
        part = self.rows if among.all() else self.rows[among]
        count, keys = part.shape
        if not count:
            return numbers
        # Rows and keys are the nodes of one graph; scipy looks along its edges both ways.
        starts = np.concatenate([part.indptr, np.full(keys, part.indptr[-1], part.indptr.dtype)])
        graph = sparse.csr_array(
            (np.ones(part.nnz, np.int8), part.indices + count, starts), shape=(count + keys, count + keys)
        )
        _, found = connected_components(graph, directed=False)
        numbers[among] = _in_order_of_first(found[:count])
        return numbers

    def touched_by(self, rows: Flags) -> Flags:
        """(R,) rows that share a key with one of `rows`, themselves included where they have a key."""
        keys = np.asarray(self.rows.T @ rows.astype(np.int32)) > 0
        return np.asarray(self.rows @ keys.astype(np.int32)) > 0


def link(table: pa.Table, near: pa.Table | None = None) -> Links:
    """Links of the rows of a manifest's `table` by its columns people, sources and content.

    `near` has the columns media_id and cluster (`near.near_clusters`): members of one cluster are linked as well.
    """
    people_of, people = _listed(table, "people")
    parts = [(people_of, people), _listed(table, "sources"), _same_files(table)]
    if near is not None:
        parts.append(_near(table, near))
    rows = np.concatenate([of for of, _ in parts])
    borne = pa.chunked_array([names for _, names in parts], pa.string()).combine_chunks().dictionary_encode()
    keys, columns = _sorted_keys(borne)
    matrix = sparse.coo_array((np.ones(len(rows), np.int32), (rows, columns)), (table.num_rows, len(keys))).tocsr()
    matrix.sum_duplicates()
    matrix.data[:] = 1
    is_person = np.zeros(len(keys), np.bool_)
    is_person[columns[: len(people)]] = True
    return Links(matrix, keys, is_person)


def names(links: Links, components: Ints, media_ids: Any) -> Any:
    """(C,) a name for each component, as pyarrow strings: its first key, or its only row's media_id."""
    count = int(components.max(initial=-1)) + 1
    first_key = np.full(count, len(links.keys), np.int64)
    borne = links.rows.tocoo()
    inside = components[borne.row] >= 0
    np.minimum.at(first_key, components[borne.row[inside]], borne.col[inside])
    first_row = np.full(count, len(components), np.int64)
    members = np.flatnonzero(components >= 0)
    np.minimum.at(first_row, components[members], members)
    by_key = links.keys.take(pa.array(first_key, mask=first_key == len(links.keys)))
    return pc.coalesce(by_key, media_ids.take(pa.array(first_row)))


def dataset_order(datasets: set[str]) -> list[str]:
    """The nine in their order, then the others by name."""
    return sorted(datasets, key=lambda name: (DATASETS.index(name) if name in DATASETS else len(DATASETS), name))


def _in_order_of_first(numbers: NDArray[np.int32]) -> Ints:
    """The same partition, numbered by where each part is met first."""
    first = np.full(int(numbers.max()) + 1, len(numbers), np.int64)
    np.minimum.at(first, numbers, np.arange(len(numbers)))
    used = np.flatnonzero(first < len(numbers))
    renamed = np.zeros(len(first), np.int64)
    renamed[used[np.argsort(first[used])]] = np.arange(len(used))
    return renamed[numbers]


def _sorted_keys(borne: Any) -> tuple[Any, Ints]:
    order = pc.sort_indices(borne.dictionary)
    position = np.empty(len(order), np.int64)
    position[order.to_numpy()] = np.arange(len(order))
    return borne.dictionary.take(order), position[borne.indices.to_numpy()]


def _listed(table: pa.Table, column: str) -> tuple[Ints, Any]:
    values = table.column(column).combine_chunks()
    return pc.list_parent_indices(values).to_numpy().astype(np.int64), pc.list_flatten(values)


def _same_files(table: pa.Table) -> tuple[Ints, Any]:
    content = table.column("content").combine_chunks().dictionary_encode()
    numbers = content.indices.fill_null(-1).to_numpy()
    copies = np.bincount(numbers[numbers >= 0], minlength=len(content.dictionary))
    copied = (copies > 1) & pc.not_equal(content.dictionary, "").to_numpy(zero_copy_only=False)
    rows = np.flatnonzero((numbers >= 0) & copied[numbers]) if len(copied) else np.empty(0, np.int64)
    return rows, _prefixed(SAME_FILE, content.dictionary.take(pa.array(numbers[rows])))


def _near(table: pa.Table, near: pa.Table) -> tuple[Ints, Any]:
    media_ids = table.column("media_id").combine_chunks()
    at = pc.index_in(near.column("media_id").combine_chunks(), value_set=media_ids)
    here = pc.is_valid(at).to_numpy(zero_copy_only=False)
    clusters = near.column("cluster").combine_chunks().cast(pa.string()).filter(pa.array(here))
    return at.drop_null().to_numpy().astype(np.int64), _prefixed(NEAR, clusters)


def _prefixed(prefix: str, values: Any) -> Any:
    return pc.binary_join_element_wise(pa.scalar(prefix), values, "")
