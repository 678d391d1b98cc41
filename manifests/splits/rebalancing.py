"""Local search after the greedy assignment: while a split is short of a stratum by more than the stratum's largest
component, move the component that lowers the squared error most.

C components, S strata, A cells, P splits.
"""

from __future__ import annotations

import numpy as np

from unmask.manifests.splits.component_assignment import Task
from unmask.manifests.splits.identity_graph import Ints

# Far more than any dataset needed. Each step lowers the error, so the search ends before.
MOST_STEPS = 1_000


def rebalance(task: Task, placed: Ints) -> Ints:
    """(C,) split per component: `placed` after the local search."""
    work = _LocalSearch(task, placed)
    for _ in range(MOST_STEPS):
        needy = work.find_neediest()
        if needy is None:
            break
        mover = work.choose_component(*needy)
        if mover is None:
            work.hopeless.add(needy)
        else:
            work.move(mover, needy[1])
    return work.placed


class _LocalSearch:
    def __init__(self, task: Task, placed: Ints) -> None:
        self.task, self.placed = task, placed.copy()
        self.rank = np.argsort(task.order)
        self.columns = task.strata.tocsc()
        splits = task.allowed.shape[1]
        present = np.eye(splits, dtype=np.int64)[placed]
        self.lack = np.asarray(task.strata.T @ (task.shares - present))
        """(S, P) rows that a split is short of; negative: rows too many."""
        self.holders = np.asarray(task.cells.T @ present)
        """(A, P) number of components per cell and split."""
        size = self.columns.shape
        self.largest = np.maximum(self.columns.max(axis=0).toarray().ravel(), 1) if all(size) else np.ones(size[1])
        self.weight = 1.0 / np.maximum(np.asarray(task.strata.sum(axis=0)), 1) ** 2
        self.hopeless: set[tuple[int, int]] = set()

    def find_neediest(self) -> tuple[int, int] | None:
        """The largest shortfall, in units of the stratum's largest component; None if it is at most 1."""
        shortfall = self.lack / self.largest[:, None]
        for stratum, split in self.hopeless:
            shortfall[stratum, split] = 0.0
        if not shortfall.size or shortfall.max() <= 1.0 + 1e-9:
            return None
        stratum, split = divmod(int(shortfall.argmax()), shortfall.shape[1])
        return stratum, split

    def choose_component(self, stratum: int, split: int) -> int | None:
        """The component whose move to `split` lowers the weighted squared error most, or None."""
        candidates = self.columns.indices[self.columns.indptr[stratum] : self.columns.indptr[stratum + 1]]
        candidates = candidates[self.task.allowed[candidates, split]]
        best: tuple[float, int, int] | None = None
        for origin in range(self.task.allowed.shape[1]):
            there = candidates[self.placed[candidates] == origin]
            if origin == split or not len(there):
                continue
            change = self._compute_change(there, origin, split)
            first = int(np.lexsort((self.rank[there], change))[0])
            found = (float(change[first]), int(self.rank[there[first]]), int(there[first]))
            best = found if best is None else min(best, found)
        return best[2] if best is not None and best[0] < -1e-12 else None

    def _compute_change(
        self, components: Ints, origin: int, split: int
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Change of w (l + n)^2 + w (m - n)^2 per component, for n rows moved from lack l to lack m."""
        counts = self.task.strata[components]
        change = counts.power(2) @ (2 * self.weight)
        change = change + 2 * (counts @ ((self.lack[:, origin] - self.lack[:, split]) * self.weight))
        last = self.holders[:, origin] <= 1  # the last component of a cell stays in its split
        bound = np.asarray(self.task.cells[components] @ last.astype(np.int64)) > 0
        return np.where(bound, np.inf, change)

    def move(self, component: int, split: int) -> None:
        counts = self.task.strata[[component]].toarray()[0]
        cells = self.task.cells[[component]].toarray()[0]
        origin = self.placed[component]
        self.lack[:, origin] += counts
        self.lack[:, split] -= counts
        self.holders[:, origin] -= cells
        self.holders[:, split] += cells
        self.placed[component] = split
