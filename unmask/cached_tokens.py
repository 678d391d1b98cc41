"""Cached tokens for code outside the package: mean vectors for scikit-learn, clips for torch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unmask.cache.export.mean_vectors import pool_tokens, read_item_columns
from unmask.cache.stage import open_tokens
from unmask.clip_dataset import ClipDataset
from unmask.core.errors import MissingInput, UsageError
from unmask.core.suggestions import suggest
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest
from unmask.train.data.token_data import TokenData


def mean_tokens(
    work: WorkFolder, manifest: Manifest, encoder: str, split: str | None, per: Literal["item", "clip"]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """X (N, D) and y (N,), 1 fake, 0 real, of the labeled files or clips of `split` (None: all)."""
    stores = open_tokens(work, manifest).stores
    _check_encoders([encoder], stores)
    vectors = pool_tokens({encoder: stores[encoder]}, per)
    facts = read_item_columns(manifest, vectors)
    pairs = zip(facts["label"], facts["split"], strict=True)
    chosen = np.array([label is not None and split in (None, found) for label, found in pairs], np.bool_)
    if not chosen.any():
        raise MissingInput(f"split {split}: no file has tokens of {encoder}", "unmask extract")
    return vectors.means[encoder][chosen], np.array(facts["label"], object)[chosen].astype(np.int64)


def open_dataset(work: WorkFolder, manifest: Manifest, split: str | None, encoders: Sequence[str]) -> ClipDataset:
    """The clips of `split` (None: all) with their tokens of `encoders` (none: all)."""
    data = TokenData.load(manifest, open_tokens(work, manifest))
    _check_encoders(encoders, data.all_streams)
    return ClipDataset(data, split, encoders or tuple(data.all_streams))


def _check_encoders(names: Sequence[str], known: Collection[str]) -> None:
    if unknown := [name for name in names if name not in known]:
        raise UsageError(
            f"no tokens of encoder {unknown[0]!r}", f"{suggest(unknown[0], known)}encoders here: {', '.join(known)}"
        )
