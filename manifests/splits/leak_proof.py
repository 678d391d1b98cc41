"""The leak-proof core of the schemes: rows locked to splits are kept apart, all else is placed by whole components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from unmask.manifests.splits.component_assignment import Task, place
from unmask.manifests.splits.identity_graph import Flags, Ints, Links, names
from unmask.manifests.splits.rebalancing import even_out
from unmask.manifests.splits.seeded_order import seeded_order
from unmask.manifests.splits.split_columns import FREE, OUT, TEST, TRAIN, VAL, Columns


@dataclass(frozen=True)
class Aim:
    """What the splits should look like."""

    fractions: NDArray[np.float64]
    """(P,) of all free rows; a split with 0 takes only rows locked to it."""
    cover: tuple[int, ...]
    """Splits in the order in which they get their first component of each class of each dataset."""
    carved: tuple[int, ...] = ()
    """Splits that may take components locked to train where their dataset lacks a class."""
    roomy: int | None = TRAIN
    """The split that takes what is too big for the others."""


THREE = Aim(np.array([0.7, 0.15, 0.15]), (TRAIN, TEST, VAL), (VAL, TEST))
TWO = Aim(np.array([0.85, 0.15, 0.0]), (TRAIN, VAL), (VAL,))
"""For schemes that choose the test by other means."""


def fill(rows: Columns, locks: Ints, seed: int, aim: Aim = THREE) -> Ints:
    """(R,) split of every row that is not OUT. `locks` must have been through `hold_out`."""
    components = rows.links.components(locks != OUT)
    if not (components >= 0).any():
        return np.full_like(locks, FREE)
    task = _task(rows, components, locks, seed, aim)
    splits = even_out(task, place(task))
    return np.where(components >= 0, splits[components], FREE)


def hold_out(links: Links, locks: Ints, splits: int = 3) -> Ints:
    """`locks` (R,) made leak-proof: free rows follow the most held-out row they are connected with; rows that share a
    key with a more held-out one are OUT. The later a split, the more held out."""
    locks = locks.copy()
    for split in reversed(range(splits)):
        locked = locks == split
        if not locked.any():
            continue
        components = links.components(locked | (locks == FREE))
        decided = np.zeros(int(components.max()) + 1, np.bool_)
        decided[components[locked]] = True
        locks[(locks == FREE) & (components >= 0) & decided[components]] = split
        locks[links.touched_by(locks == split) & (locks >= 0) & (locks < split)] = OUT
    return locks


def _task(rows: Columns, components: Ints, locks: Ints, seed: int, aim: Aim) -> Task:
    inside = components >= 0
    count = int(components.max(initial=-1)) + 1
    cells = rows.datasets * 2 + rows.labels
    _, methods = np.unique(cells * (int(rows.methods.max(initial=0)) + 1) + rows.methods, return_inverse=True)
    cell_counts = _counts(components[inside], cells[inside], count)
    lock = np.full(count, FREE, np.int64)
    lock[components[inside]] = locks[inside]  # hold_out left one lock a component
    shares, allowed = _shares(lock, cell_counts, aim)
    return Task(
        strata=sparse.hstack([cell_counts, _counts(components[inside], methods[inside], count)], format="csr"),
        cells=(cell_counts > 0).astype(np.int64).tocsr(),
        allowed=allowed,
        shares=shares,
        order=seeded_order(names(rows.links, components, rows.media_ids), seed),
        cover=aim.cover,
        roomy=aim.roomy,
    )


def _counts(components: Ints, columns: Ints, count: int) -> sparse.csr_array:
    width = int(columns.max(initial=-1)) + 1
    ones = np.ones(len(columns), np.int64)
    table = sparse.coo_array((ones, (components, columns)), shape=(count, width)).tocsr()
    table.sum_duplicates()
    return table


def _shares(lock: Ints, cells: sparse.csr_array, aim: Aim) -> tuple[NDArray[np.float64], Flags]:
    """(C, P) wanted shares and (C, P) allowed splits. Free components may go wherever the aim has a fraction; locked
    ones stay, but those in train may go where their dataset lacks a class."""
    shares = np.tile(aim.fractions, (len(lock), 1))
    locked = lock >= 0
    shares[locked] = np.eye(len(aim.fractions))[lock[locked]]
    allowed = shares > 0
    in_train = lock == TRAIN
    for split in aim.carved:
        empty, partial = _lacking(cells, lock, split)
        bearers = (cells > 0).astype(np.int64)
        # A component of several datasets is opened only where none of them has an official row in that split.
        full = in_train & (np.asarray(bearers @ (~empty).astype(np.int64)) == 0)
        allowed[in_train & (np.asarray(bearers @ (~partial).astype(np.int64)) == 0), split] = True
        shares[full, split] = aim.fractions[split]
        shares[full, TRAIN] -= aim.fractions[split]
    return shares, allowed


def _lacking(cells: sparse.csr_array, lock: Ints, split: int) -> tuple[Flags, Flags]:
    """(A,) cells of datasets that have no row locked to `split`; (A,) cells of datasets that lack a class there."""
    width = cells.shape[1] + cells.shape[1] % 2
    there = np.zeros(width, np.bool_)
    there[: cells.shape[1]] = np.asarray(cells[lock == split].sum(axis=0)) > 0
    exists = np.zeros(width, np.bool_)
    exists[: cells.shape[1]] = np.asarray(cells.sum(axis=0)) > 0
    pairs, known = there.reshape(-1, 2), exists.reshape(-1, 2)
    empty = np.repeat(~pairs.any(axis=1), 2)[: cells.shape[1]]
    partial = np.repeat((known & ~pairs).any(axis=1), 2)[: cells.shape[1]]
    return empty, partial
