"""Mean tokens per media file or clip as a table, for scikit-learn and others: Parquet or NumPy's npz.

Columns: media_id, clip (with per="clip"), dataset, label (1 fake, 0 real), split, and one column of vectors per
encoder. Unknown values are null in Parquet, and "", -1 or NaN in npz.

C clips, R rows, D width of an encoder's tokens
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from unmask.cache.store.ragged import ClipKey, Ragged
from unmask.core.atomic_files import create_file
from unmask.core.errors import MissingInput
from unmask.manifests.manifest import Manifest

Per = Literal["item", "clip"]

# Clips in memory as float32 at once: about 100 MB.
BLOCK = 1024
FACTS = ("dataset", "label", "split")


@dataclass(frozen=True, slots=True)
class Vectors:
    """R media files or clips that have a token of any encoder."""

    keys: list[ClipKey]
    """With per="item" the clip number is 0."""
    per: Per
    means: dict[str, NDArray[np.float32]]
    """Encoder -> (R, D) mean token, NaN when the row has none of this encoder."""

    def __len__(self) -> int:
        return len(self.keys)


def pool_tokens(stores: Mapping[str, Ragged], per: Per) -> Vectors:
    """Average the tokens of `stores`, which hold the same clips, per clip or over all clips of a media file."""
    first = next(iter(stores.values()))
    if any(store.keys != first.keys for store in stores.values()):
        raise MissingInput("the encoders have tokens of different clips", "unmask extract")
    keys = first.keys if per == "clip" else [(media_id, 0) for media_id in dict.fromkeys(key[0] for key in first.keys)]
    row_of = {key: row for row, key in enumerate(keys)}
    rows = np.array([row_of[key if per == "clip" else (key[0], 0)] for key in first.keys], np.int64)
    means = {name: _compute_means(store, rows, len(keys)) for name, store in stores.items()}
    some = np.any([~np.isnan(mean[:, 0]) for mean in means.values()], axis=0)
    kept = [keys[row] for row in np.flatnonzero(some).tolist()]
    return Vectors(kept, per, {name: mean[some] for name, mean in means.items()})


def _compute_means(store: Ragged, rows: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    """(count, D) means; clip c is averaged into row `rows[c]`."""
    total = np.zeros((count, store.spec.width), np.float32)
    filled = np.flatnonzero(store.lengths)
    for start in range(0, len(filled), BLOCK):
        clips = filled[start : start + BLOCK]
        tokens, _, offsets = store.gather(clips)
        np.add.at(total, rows[clips], np.add.reduceat(tokens.astype(np.float32), offsets[:-1], axis=0))
    tokens_of = np.bincount(rows, store.lengths, count).astype(np.float32)[:, None]
    return np.divide(total, tokens_of, out=np.full_like(total, np.nan), where=tokens_of > 0)


def read_item_columns(manifest: Manifest | None, vectors: Vectors) -> dict[str, list[Any]]:
    """Columns `FACTS` of the manifest for each row of `vectors`; None where unknown."""
    if manifest is None:
        return {name: [None] * len(vectors) for name in FACTS}
    columns = [manifest.table.column(name).to_pylist() for name in ("media_id", *FACTS)]
    known = {media_id: facts for media_id, *facts in zip(*columns, strict=True)}
    nothing = [None] * len(FACTS)
    facts = [known.get(media_id, nothing) for media_id, _ in vectors.keys]
    return {name: [row[number] for row in facts] for number, name in enumerate(FACTS)}


def write_parquet(path: Path, vectors: Vectors, facts: Mapping[str, list[Any]]) -> None:
    types = {"dataset": pa.string(), "label": pa.int8(), "split": pa.string()}
    columns = _make_key_columns(vectors) | {name: pa.array(facts[name], types[name]) for name in FACTS}
    for name, means in vectors.means.items():
        values = pa.array(means.reshape(-1))
        absent = pa.array(np.isnan(means[:, 0]))
        columns[name] = pa.FixedSizeListArray.from_arrays(values, means.shape[1], mask=absent)
    with create_file(path) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")


def write_npz(path: Path, vectors: Vectors, facts: Mapping[str, list[Any]]) -> None:
    """Plain arrays only: np.load opens it with `allow_pickle=False`."""
    columns: dict[str, NDArray[Any]] = {name: np.array(values) for name, values in _make_key_columns(vectors).items()}
    columns["label"] = np.array([-1 if label is None else label for label in facts["label"]], np.int8)
    columns |= {name: np.array([value or "" for value in facts[name]], np.str_) for name in ("dataset", "split")}
    arrays: dict[str, Any] = columns | vectors.means
    with create_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def _make_key_columns(vectors: Vectors) -> dict[str, Any]:
    columns: dict[str, Any] = {"media_id": [media_id for media_id, _ in vectors.keys]}
    if vectors.per == "clip":
        columns["clip"] = np.array([clip for _, clip in vectors.keys], np.int32)
    return columns
