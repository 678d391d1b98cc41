"""Columns of a manifest as arrays for the split schemes: a million rows are never a million objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unmask.core.errors import UsageError
from unmask.core.suggestions import suggest
from unmask.manifests.datasets import LAYOUTS
from unmask.manifests.manifest import SCHEMA, MediaRow, Split
from unmask.manifests.splits.identity_graph import Flags, Ints, Links, link, order_datasets

SPLITS: tuple[Split, ...] = ("train", "val", "test")  # from least to most strict
TRAIN, VAL, TEST = 0, 1, 2
FREE, OUT = -1, -2
"""Not assigned yet; in no split."""

NEEDED = (
    "media_id",
    "dataset",
    "label",
    "video_fake",
    "audio_fake",
    "method",
    "people",
    "sources",
    "official_split",
    "split",
    "content",
)


@dataclass(frozen=True)
class Columns:
    """R rows, sorted by media_id."""

    links: Links
    names: list[str]
    """Datasets, in the order of domain ids."""
    datasets: Ints
    """(R,) position in `names`."""
    labels: Ints
    methods: Ints
    kinds: Ints
    """(R,) number of the pair (video_fake, audio_fake), each true, false or unknown."""
    official: Ints
    """(R,) position in SPLITS, FREE where nothing is published."""
    binding: Flags
    """(R,) Does the default scheme follow the published split of the row's dataset?"""
    media_ids: Any
    """(R,) pyarrow strings."""

    def select_datasets(self, keys: Sequence[str]) -> Flags:
        """(R,) True for rows of the datasets `keys`. `UsageError` for a dataset that is not in the manifest."""
        unknown = [key for key in keys if key not in self.names]
        if unknown:
            hint = f"{suggest(unknown[0], self.names)}it has {', '.join(self.names)}"
            raise UsageError(f"--split: the manifest has no dataset {', '.join(unknown)}", hint)
        return np.isin(self.datasets, [self.names.index(key) for key in keys])


def read_columns(table: pa.Table, near: pa.Table | None = None) -> tuple[Columns, Ints]:
    """Columns of a manifest's table, and (R,) the position of each of their rows in the table."""
    order = pc.sort_indices(table.column("media_id"))
    table = table.select(NEEDED).take(order)
    names = order_datasets(set(pc.unique(table.column("dataset")).to_pylist()))
    datasets = pc.index_in(table.column("dataset"), value_set=pa.array(names, pa.string())).to_numpy().astype(np.int64)
    methods = pa.array(sorted(pc.unique(table.column("method")).to_pylist()), pa.string())
    loose = {key for key, layout in LAYOUTS.items() if not layout.official_binds}
    flags = [table.column(name).cast(pa.int8()).fill_null(2).to_numpy() for name in ("video_fake", "audio_fake")]
    result = Columns(
        links=link(table, near),
        names=names,
        datasets=datasets,
        labels=table.column("label").to_numpy().astype(np.int64),
        methods=pc.index_in(table.column("method"), value_set=methods).to_numpy().astype(np.int64),
        kinds=flags[0].astype(np.int64) * 3 + flags[1],
        official=index_splits(table.column("official_split")),
        binding=np.array([name not in loose for name in names], np.bool_)[datasets],
        media_ids=table.column("media_id").combine_chunks(),
    )
    return result, order.to_numpy().astype(np.int64)


def index_splits(splits: Any) -> Ints:
    """(R,) position in SPLITS of a column of split names, FREE where it is null."""
    index = pc.index_in(splits, value_set=pa.array(SPLITS, pa.string()), skip_nulls=True)
    return np.asarray(index.fill_null(FREE).to_numpy()).astype(np.int64)


def make_table(rows: Sequence[MediaRow]) -> pa.Table:
    """The columns NEEDED of `rows`."""
    return pa.table({name: pa.array([getattr(row, name) for row in rows], SCHEMA.field(name).type) for name in NEEDED})
