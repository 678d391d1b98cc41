"""The sample that is probed: labeled training files of one modality, balanced over datasets and classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.cache.adaptation.labeled_clips import Draw, Kind, LabeledClips
from unmask.cache.adaptation.settings import AdaptSettings
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import AugmentationSettings

FRAMES = 4
"""Face crops per file, evenly spaced over one of its clips."""


@dataclass(frozen=True)
class Sample:
    """One clip per file. N files."""

    clips: LabeledClips
    """All labeled clips of the training split, of which these are some. No other split is read."""
    draws: list[Draw]
    group: NDArray[np.str_]
    """(N,) leak-proof component of each file."""

    @classmethod
    def draw(cls, manifest: Manifest, shards: Sequence[Path], modality: Kind, items: int, seed: int) -> Self:
        """About `items` files, equally many per dataset and class as far as there are enough, by `seed`.

        `UsageError` when the training split lacks one class of this modality.
        """
        clips = LabeledClips.read(manifest, shards, modality, "train", ())
        draws = list(chain.from_iterable(clips.steps(AdaptSettings(frames=FRAMES))))
        random = np.random.default_rng([seed, modality == "audio"])
        # One random clip per file: the first after shuffling.
        order = random.permutation(len(clips))
        order = order[np.unique(clips.item[order], return_index=True)[1]]
        chosen = _balance(clips.cells[order], items, random)
        rows = {row.media_id: row for row in manifest.rows() if row.split == "train"}
        picked = [draws[clip] for clip in sorted(order[chosen].tolist())]
        groups = [rows[clips.keys[draw.clip][0]] for draw in picked]
        return cls(clips, picked, np.array([row.group or row.media_id for row in groups], np.str_))

    def __len__(self) -> int:
        return len(self.draws)

    @property
    def is_fake(self) -> NDArray[np.bool_]:
        """(N,)"""
        return np.asarray(self.clips.fake[self._numbers] == 1, np.bool_)

    @property
    def dataset(self) -> NDArray[np.str_]:
        """(N,)"""
        return np.array(self.clips.datasets, np.str_)[self.clips.domain[self._numbers]]

    def load(self, number: int) -> torch.Tensor:
        """Face crops (F, S, S, 3) uint8, or samples (A,) int16, of file `number`."""
        return self.clips.load(self.draws[number], AugmentationSettings())

    @property
    def _numbers(self) -> list[int]:
        return [draw.clip for draw in self.draws]


def _balance(cells: NDArray[np.int64], items: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Rows of up to `items` files, dealt out in turn over the cells."""
    rank = np.empty(len(cells), np.int64)
    for cell in np.unique(cells):
        here = np.flatnonzero(cells == cell)
        rank[here] = random.permutation(len(here))
    return np.sort(np.lexsort((cells, rank))[:items])
