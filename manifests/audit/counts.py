"""Counts of one dataset: by label, method and split, and cells too small to judge anything by."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unmask.manifests.audit.results import CellLine
from unmask.manifests.manifest import Split

SPLITS: tuple[Split, ...] = ("train", "val", "test")
NO_SPLIT = "none"
LABELS = ("real", "fake")

FEWEST_FILES, FEWEST_GROUPS = 10, 3


def by_name(table: pa.Table, column: str) -> dict[str, int]:
    """Value -> rows, the most frequent first."""
    counted = Counter({pair["values"]: pair["counts"] for pair in pc.value_counts(table.column(column)).to_pylist()})
    return {str(name): number for name, number in sorted(counted.items(), key=lambda pair: (-pair[1], str(pair[0])))}


def by_split(table: pa.Table) -> dict[str, tuple[int, int]]:
    """Split -> (real, fake), for splits that have any."""
    counted = table.select(["split", "label"]).group_by(["split", "label"]).aggregate([([], "count_all")])
    found = {(row["split"] or NO_SPLIT, row["label"]): row["count_all"] for row in counted.to_pylist()}
    pairs = {name: (found.get((name, 0), 0), found.get((name, 1), 0)) for name in (*SPLITS, NO_SPLIT)}
    return {name: pair for name, pair in pairs.items() if any(pair)}


def prior_accuracy(real: int, fake: int) -> float | None:
    return max(real, fake) / (real + fake) if real + fake else None


def small_cells(table: pa.Table) -> tuple[CellLine, ...]:
    """Classes with fewer than ten files or three groups in a split in which the dataset has any."""
    columns = ["split", "label", "group"]
    counted = table.select(columns).group_by(columns).aggregate([([], "count_all")]).to_pylist()
    files, groups = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    for row in counted:
        files[row["split"], row["label"]] += row["count_all"]
        # Before splits are made there are no groups: then every file is by itself.
        groups[row["split"], row["label"]] += 1 if row["group"] else row["count_all"]
    cells = [
        CellLine(split=split, label=word, files=files[split, label], groups=groups[split, label])
        for split in SPLITS
        if files[split, 0] + files[split, 1]
        for label, word in enumerate(LABELS)
    ]
    return tuple(cell for cell in cells if cell.files < FEWEST_FILES or cell.groups < FEWEST_GROUPS)


def problems(table: pa.Table) -> dict[str, int]:
    """First word of why facts could not be read -> files."""
    told = [text.partition(":")[0] for text in table.column("problem").to_pylist() if text]
    return dict(sorted(Counter(told).items()))


def groups_of(table: pa.Table) -> np.ndarray:
    """(R,) the group of each row; its own media_id where there are no groups yet."""
    empty = pc.equal(table.column("group"), "")
    return np.array(pc.if_else(empty, table.column("media_id"), table.column("group")).to_pylist(), np.str_)
