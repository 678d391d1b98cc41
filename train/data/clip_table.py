"""The clip table: every clip that has tokens, with the manifest columns of its item. C clips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unmask.cache.store.token_store import ClipKey
from unmask.manifests.manifest import Manifest

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


def join(manifest: Manifest, keys: Iterable[ClipKey]) -> ClipTable:
    """The clips `keys` (in any order, repeats allowed) with their manifest rows; only rows of status ok."""
    columns = {name: manifest.table.column(name).to_pylist() for name in _COLUMNS}
    row_of = {media: row for row, media in enumerate(columns["media_id"]) if columns["status"][row] == "ok"}
    rows, clips = _find_rows(row_of, keys)
    # By item, then spread over its clips: an item has several, and a manifest more items than have tokens.
    items, item = np.unique(rows, return_inverse=True)
    datasets = _present(columns["dataset"], columns["domain_id"], items)
    domain_of = {name: position for position, name in enumerate(datasets)}

    def column(name: str) -> list[Any]:
        values = columns[name]
        return [values[row] for row in items.tolist()]

    return ClipTable(
        media_id=_text(column("media_id"))[item],
        clip=clips,
        item=item.astype(np.int64),
        domain=np.array([domain_of[name] for name in column("dataset")], np.int64)[item],
        kind=_text(column("kind"))[item],
        label=_three_way(column("label"))[item],
        video_fake=_three_way(column("video_fake"))[item],
        audio_fake=_three_way(column("audio_fake"))[item],
        split=_text(column("split"))[item],
        group=_text(column("group"))[item],
        origins=_join_tuples(column("sources"), column("people"))[item],
        datasets=datasets,
    )


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
    "status",
)


def _present(datasets: Sequence[str], domain_ids: Sequence[int], rows: NDArray[np.int64]) -> tuple[str, ...]:
    """Dataset names ordered by domain id, independent of the order of the manifest."""
    return tuple(name for _, name in sorted({(domain_ids[row], datasets[row]) for row in rows.tolist()}))


def _three_way(values: Sequence[Any]) -> NDArray[np.int8]:
    return np.array([UNKNOWN if value is None else int(value) for value in values], np.int8)


def _text(values: Sequence[str | None]) -> NDArray[np.str_]:
    return np.array([value or "" for value in values], np.str_)


def _join_tuples(first: Sequence[Sequence[str]], second: Sequence[Sequence[str]]) -> NDArray[np.object_]:
    return np.fromiter(((*a, *b) for a, b in zip(first, second, strict=True)), np.object_, len(first))
