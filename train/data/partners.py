"""Which real clips a fake one can stand beside in a batch: those of the recording that it was made from.

C clips of the table, N clips drawn
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from unmask.train.data.clip_table import ClipTable


@dataclass(frozen=True)
class Partners:
    """Real training clips of each fake training clip, of the same dataset and kind.

    They share its first source recording that a real clip shows, else its first such identity. If one has the number of
    the fake clip within its item, it is one of those: the same seconds of the recording.
    """

    table: ClipTable
    real: NDArray[np.int64]
    """Partners of one fake after the other, as clips."""
    start: NDArray[np.int64]
    count: NDArray[np.int64]
    """(C,) where those of a clip begin in `real`, and how many it has; 0 for every clip that is not a fake with one."""
    is_partner: NDArray[np.bool_]
    """(C,) clips of the real items that a fake can stand beside."""
    fakes: int
    """Fake items in training."""

    @classmethod
    def find(cls, table: ClipTable, clips: NDArray[np.int64], is_fake: NDArray[np.bool_]) -> Self:
        """Among the training clips `clips`, (N,), of which `is_fake` says the class."""
        offered: dict[tuple[object, ...], list[int]] = defaultdict(list)
        for clip in clips[~is_fake].tolist():
            for key in table.origins[clip]:
                offered[table.domain[clip], table.kind[clip], key].append(clip)
        start, count = np.zeros(len(table), np.int64), np.zeros(len(table), np.int64)
        real: list[int] = []
        for clip in clips[is_fake].tolist():
            keys = ((table.domain[clip], table.kind[clip], key) for key in table.origins[clip])
            found = np.array(next((offered[key] for key in keys if key in offered), ()), np.int64)
            same = found[table.clip[found] == table.clip[clip]]
            start[clip], count[clip] = len(real), len(same) or len(found)
            real += (same if len(same) else found).tolist()
        partners = np.array(real, np.int64)
        is_partner = np.zeros(len(table), np.bool_)
        is_partner[clips[~is_fake]] = np.isin(table.item[clips[~is_fake]], table.item[partners])
        return cls(table, partners, start, count, is_partner, len(np.unique(table.item[clips[is_fake]])))

    def count_items(self) -> int:
        """Fake items with a partner."""
        return len(np.unique(self.table.item[self.count > 0]))

    def describe(self) -> str:
        found = self.count_items()
        return f"{found} of {self.fakes} fake items have real clips of their source or identity in training"

    def pair(
        self, drawn: NDArray[np.int64], random: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(N,) clips, and (N,) the row of the fake that each stands beside, its own row where it stands alone.

        Only which real clips are drawn changes, among those that can be partners: each dataset keeps its number of real
        and of fake draws, and real clips without a fake are drawn as before. If a dataset has fewer draws of partners
        than fakes in want of one, some fakes stand alone this time; if it has more, these stay as drawn.
        """
        clips, beside = drawn.copy(), np.arange(len(drawn))
        domain = self.table.domain[drawn]
        for dataset in np.unique(domain).tolist():
            fakes = random.permutation(np.flatnonzero((domain == dataset) & (self.count[drawn] > 0)))
            reals = random.permutation(np.flatnonzero((domain == dataset) & self.is_partner[drawn]))
            pairs = min(len(fakes), len(reals))
            fakes, reals = fakes[:pairs], reals[:pairs]
            place = (random.random(pairs) * self.count[drawn[fakes]]).astype(np.int64)
            clips[reals] = self.real[self.start[drawn[fakes]] + place]
            beside[reals] = fakes
        return clips, beside


def shuffle_pairs(beside: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """(N,) all rows in random order, each real one directly behind the fake that it stands `beside`."""
    rows = np.arange(len(beside))
    follower = rows.copy()
    paired = beside != rows
    follower[beside[paired]] = rows[paired]
    first = random.permutation(rows[~paired])
    both = np.stack([first, follower[first]], axis=1)
    order: NDArray[np.int64] = both[np.stack([np.full(len(first), True), follower[first] != first], axis=1)]
    return order


def cut_between_pairs(
    rows: NDArray[np.int64], ends: Sequence[int], beside: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """`rows` cut at `ends`; one that would part a pair is moved one row forward. No part is empty."""
    leader = beside[rows]
    moved = [end - int(leader[end - 1] == leader[end]) for end in ends]
    return [part for part in np.split(rows, moved) if len(part)]


def list_even_ends(count: int, parts: int) -> list[int]:
    """Where np.array_split cuts `count` rows into `parts`."""
    sizes = [count // parts + (part < count % parts) for part in range(parts)]
    return list(itertools.accumulate(sizes))[:-1]
