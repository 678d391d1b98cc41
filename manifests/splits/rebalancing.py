"""The last touch of placing: while a split misses more than a whole component of a stratum, one is moved there.

Big components first is good on the whole, but what two splits together have too much is missing in the third.

C components, S strata, A cells, P splits.
"""

from __future__ import annotations

import numpy as np

from unmask.manifests.splits.component_assignment import Task
from unmask.manifests.splits.identity_graph import Ints

# Far more than any dataset needed; every step brings the whole nearer to its target, so it ends before.
MOST_STEPS = 1_000


def even_out(task: Task, placed: Ints) -> Ints:
    """(C,) `placed` with single components moved to splits that miss more than one of their size."""
    work = _Evening(task, placed)
    for _ in range(MOST_STEPS):
        needy = work.neediest()
        if needy is None:
            break
        mover = work.mover(*needy)
        if mover is None:
            work.hopeless.add(needy)
        else:
            work.move(mover, needy[1])
    return work.placed


class _Evening:
    def __init__(self, task: Task, placed: Ints) -> None:
        self.task, self.placed = task, placed.copy()
        self.rank = np.argsort(task.order)
        self.columns = task.strata.tocsc()
        splits = task.allowed.shape[1]
        present = np.eye(splits, dtype=np.int64)[placed]
        self.lack = np.asarray(task.strata.T @ (task.shares - present))
        """(S, P) rows that each split should still get; below 0 what it has too much."""
        self.holders = np.asarray(task.cells.T @ present)
        """(A, P) components that each split has of each cell."""
        size = self.columns.shape
        self.largest = np.maximum(self.columns.max(axis=0).toarray().ravel(), 1) if all(size) else np.ones(size[1])
        self.weight = 1.0 / np.maximum(np.asarray(task.strata.sum(axis=0)), 1) ** 2
        self.hopeless: set[tuple[int, int]] = set()

    def neediest(self) -> tuple[int, int] | None:
        """The stratum and split that miss most, counted in its largest component; None when all miss at most one."""
        missing = self.lack / self.largest[:, None]
        for stratum, split in self.hopeless:
            missing[stratum, split] = 0.0
        if not missing.size or missing.max() <= 1.0 + 1e-9:
            return None
        stratum, split = divmod(int(missing.argmax()), missing.shape[1])
        return stratum, split

    def mover(self, stratum: int, split: int) -> int | None:
        """The component whose move to `split` lowers the weighted squares of what is missing most, or None."""
        bearers = self.columns.indices[self.columns.indptr[stratum] : self.columns.indptr[stratum + 1]]
        bearers = bearers[self.task.allowed[bearers, split]]
        best: tuple[float, int, int] | None = None
        for origin in range(self.task.allowed.shape[1]):
            there = bearers[self.placed[bearers] == origin]
            if origin == split or not len(there):
                continue
            change = self._change(there, origin, split)
            first = int(np.lexsort((self.rank[there], change))[0])
            found = (float(change[first]), int(self.rank[there[first]]), int(there[first]))
            best = found if best is None else min(best, found)
        return best[2] if best is not None and best[0] < -1e-12 else None

    def _change(self, components: Ints, origin: int, split: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Of w (l + n)^2 + w (m - n)^2, for n rows that leave lack l for lack m, for each of `components`."""
        counts = self.task.strata[components]
        change = counts.power(2) @ (2 * self.weight)
        change = change + 2 * (counts @ ((self.lack[:, origin] - self.lack[:, split]) * self.weight))
        last = self.holders[:, origin] <= 1  # the last one of a cell stays where it is
        bound = np.asarray(self.task.cells[components] @ last.astype(np.int64)) > 0
        return np.where(bound, np.inf, change)

    def move(self, component: int, split: int) -> None:
        counts = self.task.strata[[component]].toarray()[0]
        borne = self.task.cells[[component]].toarray()[0]
        origin = self.placed[component]
        self.lack[:, origin] += counts
        self.lack[:, split] -= counts
        self.holders[:, origin] -= borne
        self.holders[:, split] += borne
        self.placed[component] = split
