"""Whole components into splits: every class of every dataset in every split first, then the wanted shares.

C components, S strata (dataset and label; dataset, label and method), A cells (dataset and label), P splits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unmask.manifests.splits.identity_graph import Flags, Ints


@dataclass(frozen=True)
class Task:
    """What is to be placed."""

    strata: Any
    """(C, S) scipy CSR, rows of each component in each stratum."""
    cells: Any
    """(C, A) scipy CSR of 0 and 1."""
    allowed: Flags
    """(C, P) Splits that each may go to; a component with one of them is already placed."""
    shares: NDArray[np.float64]
    """(C, P) How much of a component each split should get if it could be cut; rows sum to 1."""
    order: Ints
    """(C,) All components, in the seeded order that settles ties."""
    cover: tuple[int, ...]
    """Splits in the order in which they get their first component of a cell."""
    roomy: int | None
    """The split that takes what is too big for the others."""


def place(task: Task) -> Ints:
    """(C,) split of each component."""
    work = _Placing(task)
    work.fix()
    work.cover()
    work.balance()
    return work.placed


class _Placing:
    def __init__(self, task: Task) -> None:
        self.task = task
        self.placed = np.full(len(task.order), -1, np.int64)
        self.rank = np.argsort(task.order)
        self.size = np.asarray(task.strata.sum(axis=1)).astype(np.int64)
        self.target: NDArray[np.float64] = np.asarray(task.strata.T @ task.shares)  # (S, P) rows
        self.current = np.zeros_like(self.target)
        self.weight = 1.0 / np.maximum(np.asarray(task.strata.sum(axis=0)), 1) ** 2
        self.covered = np.zeros((task.cells.shape[1], task.allowed.shape[1]), np.bool_)

    def fix(self) -> None:
        """Components with nowhere else to go."""
        bound = self.task.allowed.sum(axis=1) == 1
        for split in range(self.task.allowed.shape[1]):
            self._put(np.flatnonzero(self.task.allowed[:, split] & bound), split)

    def cover(self) -> None:
        """Both classes of each dataset into each split, the cells with the fewest components first."""
        columns = self.task.cells.tocsc()
        bearers = [columns.indices[columns.indptr[c] : columns.indptr[c + 1]] for c in range(columns.shape[1])]
        for cell in sorted(range(len(bearers)), key=lambda cell: (len(bearers[cell]), cell)):
            for split in self.task.cover:
                if not self.covered[cell, split]:
                    self._cover_one(bearers[cell], split)

    def _cover_one(self, bearers: Ints, split: int) -> None:
        candidates = bearers[(self.placed[bearers] < 0) & self.task.allowed[bearers, split]]
        if not len(candidates):
            return
        gain = np.asarray(self.task.cells[candidates] @ (~self.covered[:, split]).astype(np.int64))
        # Held-out splits start with small components, to come near their share; train takes what is too big for them.
        size = -self.size[candidates] if split == self.task.roomy else self.size[candidates]
        self._put(candidates[np.lexsort((self.rank[candidates], size, -gain))[:1]], split)

    def balance(self) -> None:
        """The rest, big ones first; those alike (as many rows of each stratum, the same choice) are shared out in bulk:
        a million components are of few kinds."""
        rest = np.flatnonzero(self.placed < 0)
        if not len(rest):
            return
        kind = _kinds(self.task, rest)
        rest = rest[np.lexsort((self.rank[rest], kind, -self.size[rest]))]
        kind = _kinds(self.task, rest)
        starts = np.flatnonzero(np.r_[True, kind[1:] != kind[:-1]])
        for alike in np.split(rest, starts[1:]):
            self._share_out(alike)

    def _share_out(self, alike: Ints) -> None:
        """Each split gets of them in proportion to what it lacks of what they hold."""
        first = alike[0]
        part = slice(self.task.strata.indptr[first], self.task.strata.indptr[first + 1])
        strata, counts = self.task.strata.indices[part], self.task.strata.data[part]
        allowed = self.task.allowed[first]
        lack = ((counts * self.weight[strata])[:, None] * (self.target[strata] - self.current[strata])).sum(axis=0)
        if len(alike) == 1:
            self._give(alike, int(np.where(allowed, lack, -np.inf).argmax()), strata, counts)
            return
        start, overall = 0, (self.target - self.current).sum(axis=0)
        for split, count in enumerate(_quota(np.clip(lack, 0, None) * allowed, len(alike), allowed, overall)):
            if count:
                self._give(alike[start : start + count], split, strata, counts)
            start += count

    def _give(self, alike: Ints, split: int, strata: Ints, counts: Ints) -> None:
        self.placed[alike] = split
        self.current[strata, split] += counts * len(alike)

    def _put(self, components: Ints, split: int) -> None:
        self.placed[components] = split
        self.current[:, split] += np.asarray(self.task.strata[components].sum(axis=0))
        self.covered[:, split] |= np.asarray(self.task.cells[components].sum(axis=0)) > 0


def _kinds(task: Task, components: Ints) -> NDArray[np.uint64]:
    """(len(components),) a number that components with the same strata and choice share, and others do not.

    A sum of counts times one odd 64-bit number a stratum: two kinds meet by chance once in about 2**64 pairs, and then
    their shares are only less even.
    """
    multipliers = _scrambled(task.strata.shape[1])
    sums: NDArray[np.uint64] = np.asarray(task.strata[components].astype(np.uint64) @ multipliers)
    choice = (task.allowed[components] * (1 << np.arange(task.allowed.shape[1]))).sum(axis=1).astype(np.uint64)
    kinds: NDArray[np.uint64] = sums + choice * np.uint64(0x9E3779B97F4A7C15)
    return kinds


def _scrambled(count: int) -> NDArray[np.uint64]:
    """The first numbers of SplitMix64 (Steele et al., 2014), made odd."""
    z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))) | np.uint64(1)


def _quota(lack: NDArray[np.float64], count: int, allowed: Flags, overall: NDArray[np.float64]) -> list[int]:
    """(P,) whole numbers that sum to `count`, in proportion to `lack`; all to the first allowed split if that is 0.

    What is left over by rounding goes to the largest remainders; of equal ones to the split that lacks most `overall`,
    or else the same split would get the odd one of every stratum.
    """
    if not lack.sum():
        lack = np.eye(len(lack))[int(allowed.argmax())]
    exact = lack / lack.sum() * count
    whole = np.floor(exact + 1e-9).astype(np.int64)
    first = np.lexsort((-overall, -np.round(exact - whole, 6)))
    whole[first[: count - int(whole.sum())]] += 1
    return [int(number) for number in whole]
