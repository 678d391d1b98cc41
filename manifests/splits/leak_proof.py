"""Leak-proof assignment: drop rows that leak between locked splits, assign all other rows by whole components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from unmask.manifests.splits.component_assignment import Task, assign_components
from unmask.manifests.splits.identity_graph import Flags, Ints, Links, name_components
from unmask.manifests.splits.rebalancing import rebalance
from unmask.manifests.splits.seeded_order import order_by_seed
from unmask.manifests.splits.split_columns import FREE, OUT, TEST, TRAIN, VAL, Columns


@dataclass(frozen=True)
class Aim:
    """Target of an assignment to P splits."""

    fractions: NDArray[np.float64]
    """(P,) share of the FREE rows; a split with 0 gets only rows locked to it."""
    cover: tuple[int, ...]
    """Splits in the order in which they get their first component per dataset and label."""
    carved: tuple[int, ...] = ()
    """Splits that may take components from train where their dataset lacks a label."""
    roomy: int | None = TRAIN
    """The split for components that are too large for the others."""


THREE = Aim(np.array([0.7, 0.15, 0.15]), (TRAIN, TEST, VAL), (VAL, TEST))
TWO = Aim(np.array([0.85, 0.15, 0.0]), (TRAIN, VAL), (VAL,))
"""For schemes that have chosen test already."""


def assign_free_rows(rows: Columns, locks: Ints, seed: int, aim: Aim = THREE) -> Ints:
    """(R,) split per row, FREE for rows that are OUT. `locks` must come from `hold_out`."""
    components = rows.links.find_components(locks != OUT)
    if not (components >= 0).any():
        return np.full_like(locks, FREE)
    task = _make_task(rows, components, locks, seed, aim)
    splits = rebalance(task, assign_components(task))
    return np.where(components >= 0, splits[components], FREE)


def hold_out(links: Links, locks: Ints, splits: int = 3) -> Ints:
    """(R,) leak-proof `locks`. A FREE row joins the strictest split (test, then val, then train) among the rows it is
    linked to. A row linked to a stricter split than its own is excluded (OUT)."""
    locks = locks.copy()
    for split in reversed(range(splits)):
        locked = locks == split
        if not locked.any():
            continue
        components = links.find_components(locked | (locks == FREE))
        decided = np.zeros(int(components.max()) + 1, np.bool_)
        decided[components[locked]] = True
        locks[(locks == FREE) & (components >= 0) & decided[components]] = split
        locks[links.find_linked(locks == split) & (locks >= 0) & (locks < split)] = OUT
    return locks


def _make_task(rows: Columns, components: Ints, locks: Ints, seed: int, aim: Aim) -> Task:
    inside = components >= 0
    count = int(components.max(initial=-1)) + 1
    cells = rows.datasets * 2 + rows.labels
    _, methods = np.unique(cells * (int(rows.methods.max(initial=0)) + 1) + rows.methods, return_inverse=True)
    cell_counts = _count_rows(components[inside], cells[inside], count)
    lock = np.full(count, FREE, np.int64)
    lock[components[inside]] = locks[inside]  # after hold_out a component has one lock
    shares, allowed = _compute_shares(lock, cell_counts, aim)
    return Task(
        strata=sparse.hstack([cell_counts, _count_rows(components[inside], methods[inside], count)], format="csr"),
        cells=(cell_counts > 0).astype(np.int64).tocsr(),
        allowed=allowed,
        shares=shares,
        order=order_by_seed(name_components(rows.links, components, rows.media_ids), seed),
        cover=aim.cover,
        roomy=aim.roomy,
    )


def _count_rows(components: Ints, columns: Ints, count: int) -> sparse.csr_array:
    width = int(columns.max(initial=-1)) + 1
    ones = np.ones(len(columns), np.int64)
    table = sparse.coo_array((ones, (components, columns)), shape=(count, width)).tocsr()
    table.sum_duplicates()
    return table


def _compute_shares(lock: Ints, cells: sparse.csr_array, aim: Aim) -> tuple[NDArray[np.float64], Flags]:
    """(C, P) target shares and (C, P) allowed splits. FREE components may go wherever the aim has a fraction; locked
    ones stay, except that those in train may go to a split where their dataset lacks a label."""
    shares = np.tile(aim.fractions, (len(lock), 1))
    locked = lock >= 0
    shares[locked] = np.eye(len(aim.fractions))[lock[locked]]
    allowed = shares > 0
    in_train = lock == TRAIN
    for split in aim.carved:
        empty, partial = _find_lacking(cells, lock, split)
        present = (cells > 0).astype(np.int64)
        # A component of several datasets may move only if none of them has an official row in that split.
        full = in_train & (np.asarray(present @ (~empty).astype(np.int64)) == 0)
        allowed[in_train & (np.asarray(present @ (~partial).astype(np.int64)) == 0), split] = True
        shares[full, split] = aim.fractions[split]
        shares[full, TRAIN] -= aim.fractions[split]
    return shares, allowed


def _find_lacking(cells: sparse.csr_array, lock: Ints, split: int) -> tuple[Flags, Flags]:
    """(A,) cells of datasets that have no row locked to `split`; (A,) cells of datasets that lack a label there."""
    width = cells.shape[1] + cells.shape[1] % 2
    there = np.zeros(width, np.bool_)
    there[: cells.shape[1]] = np.asarray(cells[lock == split].sum(axis=0)) > 0
    exists = np.zeros(width, np.bool_)
    exists[: cells.shape[1]] = np.asarray(cells.sum(axis=0)) > 0
    pairs, known = there.reshape(-1, 2), exists.reshape(-1, 2)
    empty = np.repeat(~pairs.any(axis=1), 2)[: cells.shape[1]]
    partial = np.repeat((known & ~pairs).any(axis=1), 2)[: cells.shape[1]]
    return empty, partial
