"""The clip table: every clip that has tokens, with the manifest columns of its item. C clips."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unmask.cache.store.token_store import ClipKey
from unmask.manifests.manifest import BATCH, Manifest

UNKNOWN = -1
"""In `label`, `video_fake` and `audio_fake`: the manifest does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipTable:
    """Columns of length C, in the order of the manifest and, within an item, of its clips."""

    media_id: NDArray[np.str_]
    clip: NDArray[np.int64]
    """Number of the clip within its item."""
    item: NDArray[np.int64]
    """Number of the clip's item among the items of this table, from 0, rising."""
    domain: NDArray[np.int64]
    """Position of the item's dataset in `datasets`."""
    kind: NDArray[np.str_]
    label: NDArray[np.int8]
    """1 fake, 0 real, UNKNOWN."""
    video_fake: NDArray[np.int8]
    audio_fake: NDArray[np.int8]
    split: NDArray[np.str_]
    """train, val, test, or "" for an item that no split of the scheme holds."""
    group: NDArray[np.str_]
    origins: NDArray[np.object_]
    """Tuple of the keys of the item's source recordings, then of its identities, as in the manifest."""
    datasets: tuple[str, ...]
    """Datasets that have a clip here, in the order of their domain ids."""

    def __len__(self) -> int:
        return len(self.clip)

    @property
    def items(self) -> int:
        return int(self.item[-1]) + 1 if len(self) else 0

    @property
    def keys(self) -> Iterable[ClipKey]:
        """Made anew in each iteration: a list of a million takes 150 MB."""
        return _Keys(self)


@dataclass(frozen=True, slots=True)
class _Keys:
    table: ClipTable

    def __iter__(self) -> Iterator[ClipKey]:
        for start in range(0, len(self.table), BATCH):
            part = slice(start, start + BATCH)
            yield from zip(self.table.media_id[part].tolist(), self.table.clip[part].tolist(), strict=True)


def join(manifest: Manifest, keys: Iterable[ClipKey]) -> ClipTable:
    """The clips `keys` (in any order, repeats allowed) with their manifest rows; only rows of status ok."""
    rows, clips = _find_rows(_index_usable(manifest), keys)
    # By item, then spread over its clips: an item has several, and a manifest more items than have tokens.
    items, item = np.unique(rows, return_inverse=True)
    chosen = manifest.table.select(_COLUMNS).take(pa.array(items, pa.int64()))
    datasets = _list_datasets(chosen)
    domain_of = {name: position for position, name in enumerate(datasets)}
    return ClipTable(
        media_id=_text(chosen, "media_id", item),
        clip=clips,
        item=item.astype(np.int64),
        domain=_map_text(chosen, "dataset", domain_of)[item],
        kind=_text(chosen, "kind", item),
        label=_three_way(chosen, "label")[item],
        video_fake=_three_way(chosen, "video_fake")[item],
        audio_fake=_three_way(chosen, "audio_fake")[item],
        split=_text(chosen, "split", item),
        group=_text(chosen, "group", item),
        origins=_join_tuples(chosen, "sources", "people")[item],
        datasets=datasets,
    )


def find_usable(manifest: Manifest) -> NDArray[np.int64]:
    """The rows of status ok."""
    return np.flatnonzero(_text(manifest.table, "status", slice(None)) == "ok")


def _index_usable(manifest: Manifest) -> dict[str, int]:
    """media_id -> row, of the rows of status ok."""
    rows = find_usable(manifest)
    media = manifest.table.column("media_id").take(pa.array(rows, pa.int64()))
    return dict(zip(media.to_pylist(), rows.tolist(), strict=True))


def _find_rows(row_of: Mapping[str, int], keys: Iterable[ClipKey]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(C,) manifest row and (C,) clip number of the `keys` that have a row, each once, in the order of the table."""
    numbers = chain.from_iterable((row_of.get(media, -1), clip) for media, clip in keys)
    found_K2 = np.fromiter(numbers, np.int64).reshape(-1, 2)
    found_K2 = found_K2[found_K2[:, 0] >= 0]
    rows, clips = found_K2[np.lexsort((found_K2[:, 1], found_K2[:, 0]))].T
    first = np.append(True, (np.diff(rows) != 0) | (np.diff(clips) != 0))[: len(rows)]
    return rows[first], clips[first]


def derive_label(
    table: ClipTable, clips: NDArray[np.int64], image_shown: NDArray[np.bool_], audio_shown: NDArray[np.bool_]
) -> NDArray[np.int8]:
    """(B,) int8 label of each clip, given whether its image and its audio are kept.

    1 fake, 0 real, -1 unknown. If the manipulated modality is dropped and every remaining modality is known to be
    genuine, the label becomes 0: the model cannot see the manipulation.
    """
    video, audio = table.video_fake[clips], table.audio_fake[clips]
    hidden = (video == 1) & ~image_shown | (audio == 1) & ~audio_shown
    genuine = (~image_shown | (video == 0)) & (~audio_shown | (audio == 0)) & (image_shown | audio_shown)
    return np.where(hidden & genuine, np.int8(0), table.label[clips])


def combine_part_labels(video_fake: NDArray[np.int8], audio_fake: NDArray[np.int8]) -> NDArray[np.int8]:
    """(B,) int8 label of clips that show an image and an audio of different clips: 1 if one of them is fake, 0 if both
    are known to be genuine, else -1."""
    either, both = (video_fake == 1) | (audio_fake == 1), (video_fake == 0) & (audio_fake == 0)
    return np.where(either, np.int8(1), np.where(both, np.int8(0), np.int8(UNKNOWN)))


def permute_labels(table: ClipTable, seed: int) -> ClipTable:
    """Permute the labels of the labeled train and val items among these items: a control."""
    item, first = np.unique(table.item, return_index=True)
    dealt = item[(table.label[first] != UNKNOWN) & np.isin(table.split[first], ("train", "val"))]
    giver = np.arange(len(first))
    giver[dealt] = np.random.default_rng([seed, len(dealt)]).permutation(dealt)
    source = first[giver[table.item]]
    columns = {name: getattr(table, name)[source] for name in ("label", "video_fake", "audio_fake")}
    return replace(table, **columns)


_COLUMNS = (
    "media_id",
    "dataset",
    "domain_id",
    "kind",
    "label",
    "video_fake",
    "audio_fake",
    "split",
    "group",
    "sources",
    "people",
)


# A manifest may have millions of rows: its columns become arrays without a Python object per row where that can be.


def _list_datasets(table: pa.Table) -> tuple[str, ...]:
    """Dataset names ordered by domain id, independent of the order of the manifest."""
    pairs = table.group_by(["domain_id", "dataset"]).aggregate([]).to_pylist()
    return tuple(name for _, name in sorted((pair["domain_id"], pair["dataset"]) for pair in pairs))


def _three_way(table: pa.Table, name: str) -> NDArray[np.int8]:
    known: NDArray[np.int8] = table.column(name).cast(pa.int8()).fill_null(UNKNOWN).to_numpy()
    return known


def _text(table: pa.Table, name: str, rows: NDArray[np.int64] | slice) -> NDArray[np.str_]:
    """Of these rows; "" where the table has none."""
    positions, different = _encode(table.column(name).fill_null("").combine_chunks())
    return np.array(different.to_pylist(), np.str_)[positions[rows]]


def _map_text(table: pa.Table, name: str, numbers: Mapping[str, int]) -> NDArray[np.int64]:
    positions, different = _encode(table.column(name).combine_chunks())
    return np.array([numbers[text] for text in different.to_pylist()], np.int64)[positions]


def _join_tuples(table: pa.Table, first: str, second: str) -> NDArray[np.object_]:
    """Per row the texts of both lists. Equal texts are one object."""
    rows = [_list_texts(table, name) for name in (first, second)]
    joined = ((*ours, *theirs) for ours, theirs in zip(*rows, strict=True))
    return np.fromiter(joined, np.object_, len(table))


def _list_texts(table: pa.Table, name: str) -> Iterator[list[str]]:
    """Per row the texts of a column of lists."""
    lists = table.column(name).combine_chunks()
    positions, different = _encode(lists.flatten())
    texts = np.array(different.to_pylist(), np.object_)[positions].tolist()
    ends = np.cumsum(lists.value_lengths().to_numpy()).tolist()
    return (texts[start:end] for start, end in pairwise([0, *ends]))


def _encode(array: pa.Array) -> tuple[NDArray[np.int64], pa.Array]:
    """The position of each text among the different ones, and these."""
    encoded = array.dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary
