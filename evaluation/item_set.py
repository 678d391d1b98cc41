"""Labeled items on which a model and its controls are compared, in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unmask.manifests.manifest import MediaRow


@dataclass(frozen=True)
class ItemSet:
    """Rows of the manifest with a label, in a fixed order; each array below has one entry per row."""

    rows: tuple[MediaRow, ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if row.label is None:
                raise ValueError(f"{row.dataset}/{row.path}: has no label, so no metric can be computed")

    def __len__(self) -> int:
        return len(self.rows)

    def only(self, chosen: NDArray[np.bool_]) -> ItemSet:
        return ItemSet(tuple(row for row, keep in zip(self.rows, chosen.tolist(), strict=True) if keep))

    @cached_property
    def is_fake(self) -> NDArray[np.bool_]:
        return np.array([row.label == 1 for row in self.rows], np.bool_)

    @cached_property
    def dataset(self) -> NDArray[np.str_]:
        return np.array([row.dataset for row in self.rows], np.str_)

    @cached_property
    def split(self) -> NDArray[np.str_]:
        return np.array([row.split or "" for row in self.rows], np.str_)

    @cached_property
    def group(self) -> NDArray[np.int64]:
        """(N,) 0..G-1. An item without a group is its own group."""
        names = [row.group or row.media_id for row in self.rows]
        return np.unique(np.array(names, np.str_), return_inverse=True)[1].astype(np.int64).reshape(-1)

    @cached_property
    def datasets(self) -> tuple[str, ...]:
        """Names, by domain id."""
        ids = {row.dataset: row.domain_id for row in self.rows}
        return tuple(sorted(ids, key=lambda name: (ids[name], name)))


def select_labeled(rows: Sequence[MediaRow]) -> ItemSet:
    """Rows that have a label and a split."""
    return ItemSet(tuple(row for row in rows if row.label is not None and row.split is not None))
