"""Assign whole components to splits: first every label of every dataset to every split, then the target shares.

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
    """Components to assign."""

    strata: Any
    """(C, S) scipy CSR, number of rows per component and stratum."""
    cells: Any
    """(C, A) scipy CSR of 0 and 1."""
    allowed: Flags
    """(C, P) Splits that a component may go to; with only one of them it is assigned already."""
    shares: NDArray[np.float64]
    """(C, P) Target share of each component per split, as if it could be divided; rows sum to 1."""
    order: Ints
    """(C,) All components in a seeded order, which breaks ties."""
    cover: tuple[int, ...]
    """Splits in the order in which they get their first component of a cell."""
    roomy: int | None
    """The split for components that are too large for the others."""


def assign_components(task: Task) -> Ints:
    """(C,) split per component."""
    work = _Assignment(task)
    work.fix()
    work.cover()
    work.balance()
    return work.placed


class _Assignment:
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
        """Assign the components with one allowed split."""
        bound = self.task.allowed.sum(axis=1) == 1
        for split in range(self.task.allowed.shape[1]):
            self._put(np.flatnonzero(self.task.allowed[:, split] & bound), split)

    def cover(self) -> None:
        """Give each split one component per dataset and label, the cells with the fewest components first."""
        columns = self.task.cells.tocsc()
        members = [columns.indices[columns.indptr[c] : columns.indptr[c + 1]] for c in range(columns.shape[1])]
        for cell in sorted(range(len(members)), key=lambda cell: (len(members[cell]), cell)):
            for split in self.task.cover:
                if not self.covered[cell, split]:
                    self._cover_one(members[cell], split)

    def _cover_one(self, members: Ints, split: int) -> None:
        candidates = members[(self.placed[members] < 0) & self.task.allowed[members, split]]
        if not len(candidates):
            return
        gain = np.asarray(self.task.cells[candidates] @ (~self.covered[:, split]).astype(np.int64))
        # Val and test start with small components to stay near their share; train takes the large ones.
        size = -self.size[candidates] if split == self.task.roomy else self.size[candidates]
        self._put(candidates[np.lexsort((self.rank[candidates], size, -gain))[:1]], split)

    def balance(self) -> None:
        """Assign the remaining components, largest first. Components with identical stratum counts and allowed splits
        are assigned in one step, because even a million components have few distinct profiles."""
        rest = np.flatnonzero(self.placed < 0)
        if not len(rest):
            return
        kind = _hash_profiles(self.task, rest)
        rest = rest[np.lexsort((self.rank[rest], kind, -self.size[rest]))]
        kind = _hash_profiles(self.task, rest)
        starts = np.flatnonzero(np.r_[True, kind[1:] != kind[:-1]])
        for identical in np.split(rest, starts[1:]):
            self._divide(identical)

    def _divide(self, identical: Ints) -> None:
        """Divide identical components among the splits in proportion to the rows that each split is short of."""
        first = identical[0]
        part = slice(self.task.strata.indptr[first], self.task.strata.indptr[first + 1])
        strata, counts = self.task.strata.indices[part], self.task.strata.data[part]
        allowed = self.task.allowed[first]
        lack = ((counts * self.weight[strata])[:, None] * (self.target[strata] - self.current[strata])).sum(axis=0)
        if len(identical) == 1:
            self._give(identical, int(np.where(allowed, lack, -np.inf).argmax()), strata, counts)
            return
        start, overall = 0, (self.target - self.current).sum(axis=0)
        for split, count in enumerate(
            _divide_quota(np.clip(lack, 0, None) * allowed, len(identical), allowed, overall)
        ):
            if count:
                self._give(identical[start : start + count], split, strata, counts)
            start += count

    def _give(self, identical: Ints, split: int, strata: Ints, counts: Ints) -> None:
        self.placed[identical] = split
        self.current[strata, split] += counts * len(identical)

    def _put(self, components: Ints, split: int) -> None:
        self.placed[components] = split
        self.current[:, split] += np.asarray(self.task.strata[components].sum(axis=0))
        self.covered[:, split] |= np.asarray(self.task.cells[components].sum(axis=0)) > 0


def _hash_profiles(task: Task, components: Ints) -> NDArray[np.uint64]:
    """(len(components),) hash of stratum counts and allowed splits.

    A sum of counts times one odd 64-bit number per stratum. A collision (about one in 2**64 pairs) only makes the
    shares less even.
    """
    multipliers = _make_multipliers(task.strata.shape[1])
    sums: NDArray[np.uint64] = np.asarray(task.strata[components].astype(np.uint64) @ multipliers)
    choice = (task.allowed[components] * (1 << np.arange(task.allowed.shape[1]))).sum(axis=1).astype(np.uint64)
    kinds: NDArray[np.uint64] = sums + choice * np.uint64(0x9E3779B97F4A7C15)
    return kinds


def _make_multipliers(count: int) -> NDArray[np.uint64]:
    """The first numbers of SplitMix64 (Steele et al., 2014), made odd."""
    z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))) | np.uint64(1)


def _divide_quota(lack: NDArray[np.float64], count: int, allowed: Flags, overall: NDArray[np.float64]) -> list[int]:
    """(P,) integers that sum to `count`, in proportion to `lack`; all to the first allowed split if `lack` is 0.

    Rounding gives the rest to the largest remainders. Ties go to the split that lacks most `overall`; otherwise one
    split would get the extra component of every stratum.
    """
    if not lack.sum():
        lack = np.eye(len(lack))[int(allowed.argmax())]
    exact = lack / lack.sum() * count
    whole = np.floor(exact + 1e-9).astype(np.int64)
    first = np.lexsort((-overall, -np.round(exact - whole, 6)))
    whole[first[: count - int(whole.sum())]] += 1
    return [int(number) for number in whole]
