"""Whole components into train, val and test: every class of every dataset in every split first, then the wanted shares.

C components, S strata (dataset and label; dataset, label and method), A cells (dataset and label), 3 splits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manifests.links import Flags, Ints

TRAIN, VAL, TEST = 0, 1, 2


@dataclass(frozen=True)
class Task:
    """What is to be placed."""

    strata: Any
    """(C, S) scipy CSR, rows of each component in each stratum."""
    cells: Any
    """(C, A) scipy CSR of 0 and 1."""
    allowed: Flags
    """(C, 3) Splits that each may go to; a component with one of them is already placed."""
    shares: NDArray[np.float64]
    """(C, 3) How much of a component each split should get if it could be cut; rows sum to 1."""
    order: Ints
    """(C,) All components, in the seeded order that settles ties."""


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
        self.target: NDArray[np.float64] = np.asarray(task.strata.T @ task.shares)  # (S, 3) rows
        self.current = np.zeros_like(self.target)
        self.weight = 1.0 / np.maximum(np.asarray(task.strata.sum(axis=0)), 1) ** 2
        self.covered = np.zeros((task.cells.shape[1], 3), np.bool_)

    def fix(self) -> None:
        """Components with nowhere else to go."""
        for split in range(3):
            self._put(np.flatnonzero(self.task.allowed[:, split] & (self.task.allowed.sum(axis=1) == 1)), split)

    def cover(self) -> None:
        """Both classes of each dataset into each split, the cells with the fewest components first."""
        columns = self.task.cells.tocsc()
        bearers = [columns.indices[columns.indptr[c] : columns.indptr[c + 1]] for c in range(columns.shape[1])]
        for cell in sorted(range(len(bearers)), key=lambda cell: (len(bearers[cell]), cell)):
            for split in (TRAIN, TEST, VAL):
                if not self.covered[cell, split]:
                    self._cover_one(bearers[cell], split)

    def _cover_one(self, bearers: Ints, split: int) -> None:
        candidates = bearers[(self.placed[bearers] < 0) & self.task.allowed[bearers, split]]
        if not len(candidates):
            return
        gain = np.asarray(self.task.cells[candidates] @ (~self.covered[:, split]).astype(np.int64))
        # Held-out splits start with small components, to come near their share; train takes what is too big for them.
        size = -self.size[candidates] if split == TRAIN else self.size[candidates]
        self._put(candidates[np.lexsort((self.rank[candidates], size, -gain))[:1]], split)

    def balance(self) -> None:
        """The rest, big ones first, each to the split that lacks most of what it holds; those of one row in bulk."""
        rest = np.flatnonzero(self.placed < 0)
        rest = rest[np.lexsort((self.rank[rest], -self.size[rest]))]
        single = self.task.strata.indptr[rest + 1] - self.task.strata.indptr[rest] <= 2
        single &= self.size[rest] == 2  # one row is counted in two strata
        for component in rest[~single].tolist():
            self._put_best(component)
        self._put_singles(rest[single])

    def _put_best(self, component: int) -> None:
        strata, counts = self._counts(component)
        lack = self.target[strata] - self.current[strata]
        score = ((counts * self.weight[strata])[:, None] * lack).sum(axis=0)
        score[~self.task.allowed[component]] = -np.inf
        split = int(score.argmax())
        self.placed[component] = split
        self.current[strata, split] += counts
        self.covered[self._cells(component), split] = True

    def _put_singles(self, singles: Ints) -> None:
        """Alike ones (same strata, same choice of splits) are shared out by what each split still lacks."""
        strata = self.task.strata
        finest = np.array([strata.indices[strata.indptr[c] : strata.indptr[c + 1]].max() for c in singles], np.int64)
        kinds = np.column_stack([finest, self.task.allowed[singles] @ np.array([1, 2, 4])]) if len(singles) else None
        if kinds is None:
            return
        _, kind = np.unique(kinds, axis=0, return_inverse=True)
        for number in range(int(kind.max()) + 1):
            alike = singles[kind == number]
            stratum = int(finest[kind == number][0])
            lack = np.clip(self.target[stratum] - self.current[stratum], 0, None) * self.task.allowed[alike[0]]
            start = 0
            for split, count in enumerate(_quota(lack, len(alike), self.task.allowed[alike[0]])):
                self._put(alike[start : start + count], split)
                start += count

    def _put(self, components: Ints, split: int) -> None:
        self.placed[components] = split
        self.current[:, split] += np.asarray(self.task.strata[components].sum(axis=0))
        self.covered[:, split] |= np.asarray(self.task.cells[components].sum(axis=0)) > 0

    def _counts(self, component: int) -> tuple[Ints, Ints]:
        part = slice(self.task.strata.indptr[component], self.task.strata.indptr[component + 1])
        return self.task.strata.indices[part], self.task.strata.data[part]

    def _cells(self, component: int) -> Ints:
        cells = self.task.cells
        found: Ints = cells.indices[cells.indptr[component] : cells.indptr[component + 1]]
        return found


def _quota(lack: NDArray[np.float64], count: int, allowed: Flags) -> list[int]:
    """(3,) whole numbers that sum to `count`, in proportion to `lack`; all to the first allowed split if that is 0."""
    if not lack.sum():
        lack = np.eye(3)[int(allowed.argmax())]
    exact = lack / lack.sum() * count
    whole = np.floor(exact).astype(np.int64)
    for split in np.argsort(-(exact - whole), kind="stable")[: count - int(whole.sum())].tolist():
        whole[split] += 1
    return [int(number) for number in whole]
