"""Near-duplicates within and across datasets: the same content, or similar perceptual hashes.

table = hash_files(manifest, work.root / "fingerprints.parquet", workers)
near = near_clusters(near_duplicates(table))
manifest = resplit(manifest, "grouped", seed, near=near)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from unmask.manifests.duplicates.hamming_search import REACH, Positions, Words, pairs_between, pairs_within
from unmask.manifests.duplicates.hash_table import hash_files
from unmask.manifests.duplicates.perceptual_hash import BYTES

__all__ = ["cluster_near_duplicates", "find_near_duplicates", "hash_files"]

# Of 256 bits. perceptual_hash.py has the measurements: copies are below, other files far above. Different faces with
# the same alignment differ in 119 bits on average, standard deviation 13: below 28 is about one pair in 10^12.
MOST_DETAIL = {"picture": 28, "sound": 48}

# Files. Copies of copies are few; larger clusters are chains in which each file resembles the next, such as the frames
# of a long take.
MAX_CLUSTER = 100

PAIRS = pa.schema([("first", pa.string()), ("second", pa.string()), ("kind", pa.string()), ("distance", pa.int16())])


@dataclass(frozen=True)
class _Hashes:
    """N perceptual hashes."""

    owner: Positions
    """(N,) position of the file."""
    low: Words
    detail: NDArray[np.uint64]
    """(N, 4)"""


def find_near_duplicates(
    table: pa.Table, max_distance: int = REACH, max_detail: dict[str, int] | None = None
) -> pa.Table:
    """Pairs of files of a table of `hash_files`: columns first, second (media_ids), kind, distance.

    kind "content": the same bytes, distance 0. "picture" or "sound": at most `max_distance` of 64 low frequencies
    and `max_detail` of 256 differ; distance is the latter. Files with the same content are paired with the first one,
    and only that one is in perceptual pairs. Pairs are sorted; first < second.
    """
    limits = MOST_DETAIL | (max_detail or {})
    table = table.sort_by("media_id")
    ids = table.column("media_id").combine_chunks()
    content = table.column("content").combine_chunks().dictionary_encode().indices.to_numpy()
    _, first, inverse = np.unique(content, return_index=True, return_inverse=True)
    copies = np.flatnonzero(first[inverse] != np.arange(len(ids)))
    parts = [_make_pairs(ids, first[inverse][copies], copies, np.zeros(len(copies), np.int16), "content")]
    for kind, most_detail in limits.items():
        chosen = np.zeros(len(ids), np.bool_)
        chosen[first] = True
        chosen &= pc.fill_null(pc.equal(table.column("kind"), kind), False).to_numpy()
        parts.append(_find_perceptual_pairs(table, ids, np.flatnonzero(chosen), kind, max_distance, most_detail))
    return pa.concat_tables(parts).sort_by([("first", "ascending"), ("second", "ascending")])


def cluster_near_duplicates(pairs: pa.Table, max_size: int = MAX_CLUSTER) -> pa.Table:
    """Columns media_id and cluster (its first media_id), for files that `pairs` connect.

    A cluster of more than `max_size` files loses its least similar pairs, level by level, until it falls into smaller
    ones. Files with the same content or the same hash stay together.
    """
    ids = pa.chunked_array([*pairs.column("first").chunks, *pairs.column("second").chunks], pa.string())
    names = pc.unique(ids).sort()
    ends = [pc.index_in(pairs.column(end), value_set=names).to_numpy().astype(np.int64) for end in ("first", "second")]
    distance = pairs.column("distance").to_numpy()
    kept = np.ones(len(distance), np.bool_)
    while True:
        cluster = _label_components(ends[0][kept], ends[1][kept], len(names))
        of_pair = cluster[ends[0]]
        widest = np.zeros(len(names) + 1, np.int64)
        np.maximum.at(widest, of_pair[kept], distance[kept])
        loose = kept & (np.bincount(cluster)[of_pair] > max_size) & (distance == widest[of_pair]) & (distance > 0)
        if not loose.any():
            break
        kept &= ~loose
    first = np.full(len(names), len(names), np.int64)
    np.minimum.at(first, cluster, np.arange(len(names)))
    together = np.bincount(cluster)[cluster] > 1 if len(names) else np.empty(0, np.bool_)
    found = pa.table({"media_id": names, "cluster": names.take(pa.array(first[cluster]))})
    return found.filter(pa.array(together))


def _label_components(first: Positions, second: Positions, count: int) -> NDArray[np.int64]:
    if not count:
        return np.empty(0, np.int64)
    graph = sparse.coo_array((np.ones(len(first), np.int8), (first, second)), (count, count))
    return np.asarray(connected_components(graph, directed=False)[1]).astype(np.int64)


def _find_perceptual_pairs(
    table: pa.Table, ids: pa.Array, files: Positions, kind: str, max_distance: int, max_detail: int
) -> pa.Table:
    whole, inner = (_unpack_hashes(table.column(column).take(pa.array(files)), files) for column in ("whole", "inner"))
    found: list[NDArray[np.int64]] = []
    for i, j in pairs_within(whole.low, max_distance):
        found.append(_select_similar(whole, whole, i, j, max_detail))
    for i, j in pairs_between(inner.low, whole.low, max_distance):
        found.append(_select_similar(inner, whole, i, j, max_detail))
    triples = np.concatenate([*found, np.empty((0, 3), np.int64)])
    nearest = np.lexsort((triples[:, 2], triples[:, 1], triples[:, 0]))
    triples = triples[nearest]
    again = np.r_[False, (triples[1:, :2] == triples[:-1, :2]).all(axis=1)][: len(triples)]
    triples = triples[~again]
    return _make_pairs(ids, triples[:, 0], triples[:, 1], triples[:, 2].astype(np.int16), kind)


def _select_similar(a: _Hashes, b: _Hashes, i: Positions, j: Positions, max_detail: int) -> NDArray[np.int64]:
    """(P, 3) files and distance of the pairs that are similar in detail too; the smaller file first."""
    differing = np.bitwise_count(a.detail[i] ^ b.detail[j]).sum(axis=1, dtype=np.int64)
    files = np.sort(np.column_stack([a.owner[i], b.owner[j]]), axis=1)
    alike = (differing <= max_detail) & (files[:, 0] != files[:, 1])
    return np.unique(np.column_stack([files, differing])[alike], axis=0)


def _unpack_hashes(column: pa.ChunkedArray, files: Positions) -> _Hashes:
    """The hashes in a binary column; `files` (R,) are the owners of its rows."""
    raw = np.frombuffer(b"".join(value for value in column.to_pylist() if value), ">u8").reshape(-1, BYTES // 8)
    each = pc.fill_null(pc.binary_length(column), 0).to_numpy() // BYTES
    words = raw.astype(np.uint64)
    return _Hashes(np.repeat(files, each), np.ascontiguousarray(words[:, 0]), np.ascontiguousarray(words[:, 1:]))


def _make_pairs(ids: pa.Array, first: Positions, second: Positions, distance: NDArray[np.int16], kind: str) -> pa.Table:
    columns = [
        ids.take(pa.array(first)),
        ids.take(pa.array(second)),
        pa.repeat(pa.scalar(kind), len(first)),
        pa.array(distance),
    ]
    return pa.Table.from_arrays(columns, schema=PAIRS)
