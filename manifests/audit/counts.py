"""Counts: files by label, method and split, cells too small for a reliable figure, and sets of duplicate files."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unmask.manifests.audit.results import CellLine, Shared, SharedSummary
from unmask.manifests.manifest import Manifest, Split

SPLITS: tuple[Split, ...] = ("train", "val", "test")
NO_SPLIT = "none"
LABELS = ("real", "fake")

FEWEST_FILES, FEWEST_GROUPS = 10, 3
SHOWN = 20  # sets, and files per set


def count_by_name(table: pa.Table, column: str) -> dict[str, int]:
    """Value -> rows, the most frequent first."""
    counted = Counter({pair["values"]: pair["counts"] for pair in pc.value_counts(table.column(column)).to_pylist()})
    return {str(name): number for name, number in sorted(counted.items(), key=lambda pair: (-pair[1], str(pair[0])))}


def count_by_split(table: pa.Table) -> dict[str, tuple[int, int]]:
    """Split -> (real, fake), for splits that have any."""
    counted = table.select(["split", "label"]).group_by(["split", "label"]).aggregate([([], "count_all")])
    files = {(row["split"] or NO_SPLIT, row["label"]): row["count_all"] for row in counted.to_pylist()}
    pairs = {name: (files.get((name, 0), 0), files.get((name, 1), 0)) for name in (*SPLITS, NO_SPLIT)}
    return {name: pair for name, pair in pairs.items() if any(pair)}


def compute_prior_accuracy(real: int, fake: int) -> float | None:
    return max(real, fake) / (real + fake) if real + fake else None


def find_small_cells(table: pa.Table) -> tuple[CellLine, ...]:
    """Classes with fewer than ten files or three groups, in splits that have any file of the dataset."""
    columns = ["split", "label", "group"]
    counted = table.select(columns).group_by(columns).aggregate([([], "count_all")]).to_pylist()
    files, groups = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    for row in counted:
        files[row["split"], row["label"]] += row["count_all"]
        # Before the split there are no groups: then every file counts as one.
        groups[row["split"], row["label"]] += 1 if row["group"] else row["count_all"]
    cells = [
        CellLine(split=split, label=word, files=files[split, label], groups=groups[split, label])
        for split in SPLITS
        if files[split, 0] + files[split, 1]
        for label, word in enumerate(LABELS)
    ]
    return tuple(cell for cell in cells if cell.files < FEWEST_FILES or cell.groups < FEWEST_GROUPS)


def count_problems(table: pa.Table) -> dict[str, int]:
    """Reason why features could not be measured -> files."""
    reasons = [text.partition(":")[0] for text in table.column("problem").to_pylist() if text]
    return dict(sorted(Counter(reasons).items()))


def get_groups(table: pa.Table) -> np.ndarray:
    """(R,) the group of each row; its media_id before groups exist."""
    empty = pc.equal(table.column("group"), "")
    return np.array(pc.if_else(empty, table.column("media_id"), table.column("group")).to_pylist(), np.str_)


def count_duplicates(manifest: Manifest) -> SharedSummary:
    """Sets of files with the same content (unmask.core.hashing.hash_quickly)."""
    table = manifest.table
    return _summarize(table.filter(pc.not_equal(table.column("content"), "")), "content")


def count_near_duplicates(manifest: Manifest, near: pa.Table) -> SharedSummary:
    """Clusters of `near` (columns media_id, cluster) of which more than one file is in the manifest."""
    at = pc.index_in(manifest.table.column("media_id"), value_set=near.column("media_id").combine_chunks())
    table = manifest.table.append_column("cluster", near.column("cluster").take(at))
    return _summarize(table.filter(pc.is_valid(table.column("cluster"))), "cluster")


def _summarize(table: pa.Table, key: str) -> SharedSummary:
    names = ["dataset", "label", "split", "media_id"]
    counted = table.select([key, *names]).group_by(key).aggregate([(name, "count_distinct") for name in names])
    counted = counted.filter(pc.greater(counted.column("media_id_count_distinct"), 1))
    sizes, datasets, labels, splits = (
        counted.column(f"{name}_count_distinct").to_numpy() for name in ("media_id", "dataset", "label", "split")
    )
    # Most serious first: two labels, then two splits, then two datasets, then the largest.
    order = np.lexsort((counted.column(key).to_numpy(zero_copy_only=False), -sizes, -datasets, -splits, -labels))
    first = counted.column(key).take(pa.array(order[:SHOWN])).to_pylist()
    return SharedSummary(
        sets=len(sizes),
        files=int(sizes.sum()),
        across_datasets=int((datasets > 1).sum()),
        across_splits=int((splits > 1).sum()),
        conflicts=int((labels > 1).sum()),
        first=tuple(_describe_set(table.filter(pc.equal(table.column(key), value))) for value in first),
    )


def _describe_set(rows: pa.Table) -> Shared:
    def list_distinct(name: str) -> tuple[Any, ...]:
        return tuple(sorted({value for value in rows.column(name).to_pylist() if value is not None}))

    pairs = zip(rows.column("dataset").to_pylist(), rows.column("path").to_pylist(), strict=True)
    return Shared(
        files=tuple(f"{dataset}/{path}" for dataset, path in sorted(pairs)[:SHOWN]),
        count=rows.num_rows,
        datasets=list_distinct("dataset"),
        labels=list_distinct("label"),
        splits=list_distinct("split"),
    )
