"""Graph of rows that share an identity, a source, content or a near-duplicate cluster, and its components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from unmask.manifests.manifest import DATASETS

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Both sort after every other key, so that a group is named after an identity or source where it has one.
SAME_FILE = "~same-file:"
NEAR = "~near-duplicate:"


@dataclass(frozen=True)
class Links:
    """R rows, K keys."""

    rows: Any
    """(R, K) scipy CSR, 1 where the row has the key."""
    keys: Any
    """(K,) pyarrow strings, sorted."""
    people: Flags
    """(K,) The key is an identity."""

    def find_components(self, among: Flags) -> Ints:
        """(R,) component number of each row in `among`, numbered by first row; -1 for the other rows."""
        numbers = np.full(len(among), -1, np.int64)
        part = self.rows if among.all() else self.rows[among]
        count, keys = part.shape
        if not count:
            return numbers
        # Rows and keys are the nodes of one undirected graph.
        starts = np.concatenate([part.indptr, np.full(keys, part.indptr[-1], part.indptr.dtype)])
        # Imported here: predictions import this file for a type, and wait for no library that they do not use.
        from scipy import sparse
        from scipy.sparse.csgraph import connected_components

        graph = sparse.csr_array(
            (np.ones(part.nnz, np.int8), part.indices + count, starts), shape=(count + keys, count + keys)
        )
        _, found = connected_components(graph, directed=False)
        numbers[among] = _number_by_first_row(found[:count])
        return numbers

    def find_linked(self, rows: Flags) -> Flags:
        """(R,) rows that share a key with one of `rows`, including those of `rows` that have a key."""
        keys = np.asarray(self.rows.T @ rows.astype(np.int32)) > 0
        return np.asarray(self.rows @ keys.astype(np.int32)) > 0


WORD = 8
"""Bytes of a number."""
MIXERS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], np.uint64)
"""Odd numbers without a pattern: texts that differ give other sums, save for one pair in 2^64."""


def link(table: pa.Table, near: pa.Table | None = None) -> Links:
    """Links of the rows of a manifest's `table` by its columns people, sources and content.

    `near` has the columns media_id and cluster (`near_duplicates.near_clusters`): members of a cluster are linked too.
    """
    people_of, people = _flatten_column(table, "people")
    parts = [(people_of, people), _flatten_column(table, "sources"), _find_equal_files(table)]
    if near is not None:
        parts.append(_find_near_duplicates(table, near))
    rows = np.concatenate([of for of, _ in parts])
    named = pa.chunked_array([names for _, names in parts], pa.string()).combine_chunks().dictionary_encode()
    keys, columns = _sort_keys(named)
    from scipy import sparse

    matrix = sparse.coo_array((np.ones(len(rows), np.int32), (rows, columns)), (table.num_rows, len(keys))).tocsr()
    matrix.sum_duplicates()
    matrix.data[:] = 1
    is_person = np.zeros(len(keys), np.bool_)
    is_person[columns[: len(people)]] = True
    return Links(matrix, keys, is_person)


def name_components(links: Links, components: Ints, media_ids: Any) -> Any:
    """(C,) pyarrow strings, the name of each component: its first key, or the media_id of its only row."""
    count = int(components.max(initial=-1)) + 1
    first_key = np.full(count, len(links.keys), np.int64)
    entries = links.rows.tocoo()
    inside = components[entries.row] >= 0
    np.minimum.at(first_key, components[entries.row[inside]], entries.col[inside])
    first_row = np.full(count, len(components), np.int64)
    members = np.flatnonzero(components >= 0)
    np.minimum.at(first_row, components[members], members)
    by_key = links.keys.take(pa.array(first_key, mask=first_key == len(links.keys)))
    return pc.coalesce(by_key, media_ids.take(pa.array(first_row)))


def order_datasets(datasets: set[str]) -> list[str]:
    """DATASETS in their order, then the others by name."""
    return sorted(datasets, key=lambda name: (DATASETS.index(name) if name in DATASETS else len(DATASETS), name))


def _number_by_first_row(numbers: NDArray[np.int32]) -> Ints:
    """The same components, numbered in the order of their first rows."""
    first = np.full(int(numbers.max()) + 1, len(numbers), np.int64)
    np.minimum.at(first, numbers, np.arange(len(numbers)))
    used = np.flatnonzero(first < len(numbers))
    renamed = np.zeros(len(first), np.int64)
    renamed[used[np.argsort(first[used])]] = np.arange(len(used))
    return renamed[numbers]


def _sort_keys(named: Any) -> tuple[Any, Ints]:
    order = pc.sort_indices(named.dictionary)
    position = np.empty(len(order), np.int64)
    position[order.to_numpy()] = np.arange(len(order))
    return named.dictionary.take(order), position[named.indices.to_numpy()]


def _flatten_column(table: pa.Table, column: str) -> tuple[Ints, Any]:
    values = table.column(column).combine_chunks()
    return pc.list_parent_indices(values).to_numpy().astype(np.int64), pc.list_flatten(values)


def _find_equal_files(table: pa.Table) -> tuple[Ints, Any]:
    content = table.column("content").combine_chunks()
    candidates = _list_candidates(content)
    encoded = content.take(pa.array(candidates)).dictionary_encode()
    numbers = encoded.indices.to_numpy()
    copied = np.bincount(numbers, minlength=len(encoded.dictionary))[numbers] > 1
    return candidates[copied], _add_prefix(SAME_FILE, encoded.dictionary.take(pa.array(numbers[copied])))


def _list_candidates(content: Any) -> Ints:
    """Rows that have a content, without nearly all of those whose content no other row has.

    A table of a million texts exceeds a processor's caches, so that looking them up is slow; numbers are sorted fast.
    """
    known = pc.fill_null(pc.not_equal(content, ""), False).to_numpy(zero_copy_only=False)
    rows, present = np.flatnonzero(known), content.filter(pa.array(known))
    words, rest = divmod(pc.max(pc.binary_length(present)).as_py() or 0, WORD)
    if not words or rest or pc.min(pc.binary_length(present)).as_py() != words * WORD:
        return rows  # other than the digests of `hash_quickly`
    _, starts, letters = present.buffers()
    first = int(np.frombuffer(starts, np.int32)[present.offset])
    text_NW = np.frombuffer(letters, np.uint64, len(present) * words, first).reshape(-1, words)
    number_N = (text_NW * MIXERS[np.arange(words) % len(MIXERS)]).sum(axis=1, dtype=np.uint64)
    ordered = np.sort(number_N)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    place = np.searchsorted(twice, number_N)
    shared = place < len(twice)
    shared[shared] = twice[place[shared]] == number_N[shared]
    found: Ints = rows[shared]
    return found


def _find_near_duplicates(table: pa.Table, near: pa.Table) -> tuple[Ints, Any]:
    media_ids = table.column("media_id").combine_chunks()
    at = pc.index_in(near.column("media_id").combine_chunks(), value_set=media_ids)
    here = pc.is_valid(at).to_numpy(zero_copy_only=False)
    clusters = near.column("cluster").combine_chunks().cast(pa.string()).filter(pa.array(here))
    return at.drop_null().to_numpy().astype(np.int64), _add_prefix(NEAR, clusters)


def _add_prefix(prefix: str, values: Any) -> Any:
    return pc.binary_join_element_wise(pa.scalar(prefix), values, "")
