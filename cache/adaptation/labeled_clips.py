"""The clips of a split with their labels, read from the media shards, and the draws of an epoch. C clips.

No draw depends on an earlier one: every random generator is keyed by (seed, epoch, purpose).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.adaptation.settings import AdaptSettings
from unmask.cache.shard_media import ShardMedia
from unmask.cache.single_clips import augment_safely
from unmask.core.errors import UsageError
from unmask.core.hashing import fingerprint
from unmask.core.suggestions import suggest
from unmask.manifests.manifest import Manifest, MediaRow, Split
from unmask.preprocess.profiles import AugmentationSettings
from unmask.preprocess.shards.media_shard import MediaShard

_ORDER, _CLIP, _AUGMENT, _FRAMES = range(4)

Kind = Literal["image", "audio"]


@dataclass(frozen=True, slots=True)
class Draw:
    """One clip of a step."""

    clip: int
    view: int
    """Number of its augmentation; 0: as it is."""
    frames: tuple[int, ...] | None
    """Of its face crops; None for audio."""


@dataclass(frozen=True, kw_only=True)
class LabeledClips:
    """Clips of one split that have the encoder's modality and a label for it."""

    modality: Kind
    shards: list[MediaShard]
    keys: list[tuple[str, int]]
    place: NDArray[np.int64]
    """(C, 4): position in `shards`, number of the clip in it, begin and end of its faces or samples."""
    item: NDArray[np.int64]
    """(C,) number of its media file, rising from 0."""
    fake: NDArray[np.int64]
    """(C,) 1 where this modality is manipulated, else 0."""
    domain: NDArray[np.int64]
    """(C,) position in `datasets`."""
    datasets: tuple[str, ...]

    @classmethod
    def read(
        cls, manifest: Manifest, shards: Sequence[Path], modality: Kind, split: Split, names: Sequence[str]
    ) -> Self:
        """Those of `split`, of the datasets `names` (none: all). `UsageError` when one class is missing."""
        rows = _select_rows(manifest, split, names)
        opened = [MediaShard(path) for path in shards]
        places = [place for number, shard in enumerate(opened) for place in _list_places(number, shard, modality)]
        order = {media_id: number for number, media_id in enumerate(rows)}
        found = sorted(
            (order[key[0]], key[1], key, place) for key, place in places if key[0] in order and place[3] > place[2]
        )
        keys, place = [key for _, _, key, _ in found], np.array([place for *_, place in found], np.int64)
        fake = np.array([_label(rows[media_id], modality) for media_id, _ in keys], np.int64)
        if len(np.unique(fake)) < 2:
            what = "no clip" if not len(fake) else f"only {'manipulated' if fake[0] else 'genuine'} clips"
            raise UsageError(
                f"the {split} split has {what} with {modality} and a label", "unmask split with another scheme"
            )
        datasets = tuple(dict.fromkeys(rows[media_id].dataset for media_id, _ in keys))
        return cls(
            modality=modality,
            shards=opened,
            keys=keys,
            place=place,
            item=np.unique([order[media_id] for media_id, _ in keys], return_inverse=True)[1].astype(np.int64),
            fake=fake,
            domain=np.array([datasets.index(rows[media_id].dataset) for media_id, _ in keys], np.int64),
            datasets=datasets,
        )

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def cells(self) -> NDArray[np.int64]:
        """(C,) 2 * dataset + class."""
        return self.domain * 2 + self.fake

    @property
    def media_ids(self) -> list[str]:
        """Of its files, in order."""
        return list(dict.fromkeys(media_id for media_id, _ in self.keys))

    def fingerprint(self) -> str:
        return fingerprint(self.modality, self.datasets, self.keys, self.cells.tolist())

    def draw(self, epoch: int, settings: AdaptSettings) -> list[list[Draw]]:
        """Steps of the epoch, from 1: equally many clips per (dataset, class), each with its augmentation and frames.

        If one class of a dataset has too few files, both are drawn less. The clips of a file take turns.
        """
        shares = self._share(settings)
        drawn = np.concatenate([self._draw_cell(cell, count, epoch, settings) for cell, count in shares.items()])
        drawn = _random(settings, epoch, _ORDER).permutation(drawn)
        augmented = _random(settings, epoch, _AUGMENT).random(len(drawn)) < settings.augment
        # A clip that is drawn again, in this epoch or another, is augmented in another way.
        views = np.where(augmented, 1 + (epoch - 1) * len(drawn) + np.arange(len(drawn)), 0).tolist()
        random = _random(settings, epoch, _FRAMES)
        draws = [
            Draw(clip, view, self._draw_frames(clip, settings.frames, random))
            for clip, view in zip(drawn.tolist(), views, strict=True)
        ]
        return [draws[start : start + settings.batch_size] for start in range(0, len(draws), settings.batch_size)]

    def steps(self, settings: AdaptSettings) -> list[list[Draw]]:
        """All clips once, without augmentation, in order."""
        draws = [Draw(clip, 0, self._space_frames(clip, settings.frames)) for clip in range(len(self))]
        return [draws[start : start + settings.batch_size] for start in range(0, len(draws), settings.batch_size)]

    def load(self, draw: Draw, settings: AugmentationSettings) -> torch.Tensor:
        """Face crops (F, S, S, 3) uint8, or samples (A,) int16, of one drawn clip.

        A clip that cannot be augmented is taken as it is.
        """
        number, _, begin, end = self.place[draw.clip].tolist()
        shard = self.shards[number]
        if self.modality == "audio":
            values = shard.array("audio", slice(begin, end))
        else:
            values = shard.array("faces", slice(begin, end))[list(draw.frames or ())]
        if draw.view:
            values = self._augment(draw, values, settings)
        return torch.from_numpy(np.ascontiguousarray(values))

    def _augment(self, draw: Draw, values: NDArray[Any], settings: AugmentationSettings) -> NDArray[Any]:
        nothing: Any = np.zeros(0, np.int16)
        none = np.zeros(2, np.int64)
        all_of_it = np.array([0, len(values)])
        audio = self.modality == "audio"
        media = ShardMedia(
            keys=[self.keys[draw.clip]],
            starts=np.zeros(1, np.float32),
            faces=nothing if audio else values,
            face_times=np.zeros(0 if audio else len(values), np.float32),
            face_offsets=none if audio else all_of_it,
            audio=values if audio else nothing,
            audio_offsets=all_of_it if audio else none,
            sample_rate=int(self.shards[0].settings["sample_rate"]),
            texts=[None],
            facts=[None],
        )
        changed = augment_safely(media, settings, draw.view)
        found = changed.audio if audio else changed.faces
        return found if len(found) == len(values) else values

    def _share(self, settings: AdaptSettings) -> dict[int, int]:
        """Draws per cell."""
        files = {cell: len(np.unique(self.item[self.cells == cell])) for cell in np.unique(self.cells).tolist()}
        share = -(-(settings.draws or len(np.unique(self.item))) // len(files))
        rarer = {cell: min(count, files.get(cell ^ 1, count)) for cell, count in files.items()}
        return {cell: min(share, settings.max_repeats * count) for cell, count in rarer.items()}

    def _draw_cell(self, cell: int, wanted: int, epoch: int, settings: AdaptSettings) -> NDArray[np.int64]:
        """Rounds over the cell's files in new random orders, with a random clip of each."""
        of_cell = np.flatnonzero(self.cells == cell)
        items, first, clips_of = np.unique(self.item[of_cell], return_index=True, return_counts=True)
        order = _random(settings, epoch, _ORDER, cell)
        rounds = [order.permutation(len(items)) for _ in range(-(-wanted // len(items)))]
        chosen = np.concatenate(rounds)[:wanted]
        clip = (_random(settings, epoch, _CLIP, cell).random(wanted) * clips_of[chosen]).astype(np.int64)
        drawn: NDArray[np.int64] = of_cell[first[chosen] + clip]
        return drawn

    def _count_frames(self, clip: int) -> int:
        return int(self.place[clip, 3] - self.place[clip, 2])

    def _draw_frames(self, clip: int, most: int, random: np.random.Generator) -> tuple[int, ...] | None:
        if self.modality == "audio":
            return None
        count = self._count_frames(clip)
        return tuple(sorted(random.choice(count, min(most, count), replace=False).tolist()))

    def _space_frames(self, clip: int, most: int) -> tuple[int, ...] | None:
        if self.modality == "audio":
            return None
        count = self._count_frames(clip)
        return tuple(np.linspace(0, count - 1, min(most, count)).round().astype(int).tolist())


def _select_rows(manifest: Manifest, split: Split, names: Sequence[str]) -> dict[str, MediaRow]:
    rows = {
        row.media_id: row
        for row in manifest.rows()
        if row.split == split and row.status == "ok" and row.label is not None
    }
    known = {row.dataset for row in rows.values()}
    if missing := sorted(set(names) - known):
        hint = f"{suggest(missing[0], known)}datasets here: {', '.join(sorted(known))}"
        raise UsageError(f"no labeled {split} files of {', '.join(missing)}", hint)
    return {key: row for key, row in rows.items() if not names or row.dataset in names}


def _list_places(
    number: int, shard: MediaShard, modality: Kind
) -> Iterator[tuple[tuple[str, int], tuple[int, int, int, int]]]:
    offsets = (shard.face_offsets if modality == "image" else shard.audio_offsets).tolist()
    for clip, key in enumerate(shard.clip_keys):
        yield key, (number, clip, offsets[clip], offsets[clip + 1])


def _label(row: MediaRow, modality: Kind) -> int:
    """Is this modality of the file manipulated? The file's own label where the dataset does not say which one is."""
    part = row.video_fake if modality == "image" else row.audio_fake
    return int(row.label if part is None else part)  # type: ignore[arg-type]


def _random(settings: AdaptSettings, epoch: int, *purpose: int) -> np.random.Generator:
    return np.random.default_rng([settings.seed, epoch, *purpose])
