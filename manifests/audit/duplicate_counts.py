"""Files that are the same file, or alike: within and across datasets, across splits, and with two labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unmask.manifests.audit.results import Shared, SharedSummary
from unmask.manifests.manifest import Manifest

SHOWN = 20  # sets, and files of a set


def duplicates(manifest: Manifest) -> SharedSummary:
    """Sets of files with the same content (unmask.core.hashing.hash_quickly)."""
    table = manifest.table
    return _summary(table.filter(pc.not_equal(table.column("content"), "")), "content")


def near_duplicates(manifest: Manifest, near: pa.Table) -> SharedSummary:
    """Clusters of `near` (columns media_id, cluster) of which more than one file is in the manifest."""
    at = pc.index_in(manifest.table.column("media_id"), value_set=near.column("media_id").combine_chunks())
    table = manifest.table.append_column("cluster", near.column("cluster").take(at))
    return _summary(table.filter(pc.is_valid(table.column("cluster"))), "cluster")


def _summary(table: pa.Table, key: str) -> SharedSummary:
    names = ["dataset", "label", "split", "media_id"]
    counted = table.select([key, *names]).group_by(key).aggregate([(name, "count_distinct") for name in names])
    counted = counted.filter(pc.greater(counted.column("media_id_count_distinct"), 1))
    sizes, datasets, labels, splits = (
        counted.column(f"{name}_count_distinct").to_numpy() for name in ("media_id", "dataset", "label", "split")
    )
    # What a reader must look at first: two labels, then two splits, then two datasets, then the largest.
    order = np.lexsort((counted.column(key).to_numpy(zero_copy_only=False), -sizes, -datasets, -splits, -labels))
    first = counted.column(key).take(pa.array(order[:SHOWN])).to_pylist()
    return SharedSummary(
        sets=len(sizes),
        files=int(sizes.sum()),
        across_datasets=int((datasets > 1).sum()),
        across_splits=int((splits > 1).sum()),
        conflicts=int((labels > 1).sum()),
        first=tuple(_shared(table.filter(pc.equal(table.column(key), value))) for value in first),
    )


def _shared(rows: pa.Table) -> Shared:
    def distinct(name: str) -> tuple[Any, ...]:
        return tuple(sorted({value for value in rows.column(name).to_pylist() if value is not None}))

    pairs = zip(rows.column("dataset").to_pylist(), rows.column("path").to_pylist(), strict=True)
    return Shared(
        files=tuple(f"{dataset}/{path}" for dataset, path in sorted(pairs)[:SHOWN]),
        count=rows.num_rows,
        datasets=distinct("dataset"),
        labels=distinct("label"),
        splits=distinct("split"),
    )
