"""Who is in train, val and test.

    official   each dataset's own split exactly as published, leaks and all; no split where it publishes none. Celeb-DF
               publishes a test list: what is not on it is train.
    grouped    seeded and leak-proof: whole components of rows that share people, sources or bytes, across datasets,
               near 70/15/15 of each dataset, label and method.
    default    official where there is one, but leak-proof: rows that share a person or source with a more held-out
               official row (test before val before train) are in no split. What has no official split follows the rows
               it is connected with, else is grouped. A missing val, or a class that val or test lacks on this disk, is
               carved from train by whole components.

Where swaps connect all of a dataset's people, see cutting.py. A row in no split has split None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from core.errors import UsageError
from manifests.cutting import FREE, OUT, cut
from manifests.item import MediaRow, Split
from manifests.layouts import LAYOUTS
from manifests.links import SAME_FILE, Flags, Ints, Links, dataset_order, link, names
from manifests.order import seeded_order
from manifests.placing import TEST, TRAIN, VAL, Task, place

VERSION = 1
SPLITS: tuple[Split, ...] = ("train", "val", "test")  # the later, the more held out
FRACTIONS = np.array([0.7, 0.15, 0.15])


@dataclass(frozen=True)
class Columns:
    """What splitting needs to know of R rows."""

    links: Links
    datasets: Ints
    """(R,) number of the row's dataset, in the order of domain ids."""
    labels: Ints
    methods: Ints
    official: Ints
    """(R,) position in SPLITS, FREE where nothing is published."""
    binding: Flags
    """(R,) Does the default scheme keep to what the row's dataset publishes?"""
    media_ids: list[str]


def columns(rows: Sequence[MediaRow]) -> Columns:
    datasets = dataset_order({row.dataset for row in rows})
    methods = sorted({row.method for row in rows})
    loose = {key for key, layout in LAYOUTS.items() if not layout.official_binds}
    return Columns(
        links=link(rows),
        datasets=np.array([datasets.index(row.dataset) for row in rows], np.int64),
        labels=np.array([row.label for row in rows], np.int64),
        methods=np.array([methods.index(row.method) for row in rows], np.int64),
        official=np.array([SPLITS.index(row.official_split) if row.official_split else FREE for row in rows], np.int64),
        binding=np.array([row.dataset not in loose for row in rows], np.bool_),
        media_ids=[row.media_id for row in rows],
    )


def official(rows: Columns, seed: int) -> Ints:
    return rows.official


def grouped(rows: Columns, seed: int) -> Ints:
    return _leak_proof(rows, np.full_like(rows.official, FREE), seed)


def default(rows: Columns, seed: int) -> Ints:
    return _leak_proof(rows, np.where(rows.binding, rows.official, FREE), seed)


SCHEMES: dict[str, Callable[[Columns, int], Ints]] = {"default": default, "official": official, "grouped": grouped}


def assign(rows: list[MediaRow], scheme: str, seed: int) -> list[MediaRow]:
    """The rows with `split`, `split_scheme` and `group`: the same for a seed, whatever the machine and their order."""
    if scheme not in SCHEMES:
        raise UsageError(f"--scheme {scheme}: no such split scheme", f"one of {', '.join(SCHEMES)}")
    if any(row.label is None for row in rows):
        raise UsageError("a file without a label cannot be put into a split", "only real or fake media train and test")
    name = f"{scheme}-v{VERSION}" + ("" if scheme == "official" else f"-seed{seed}")
    positions = sorted(range(len(rows)), key=lambda position: rows[position].media_id)
    table = columns([rows[position] for position in positions])
    splits = SCHEMES[scheme](table, seed)
    groups = _groups(table, splits)
    assigned = list(rows)
    for position, split, group in zip(positions, splits.tolist(), groups, strict=True):
        chosen = SPLITS[split] if split >= 0 else None
        assigned[position] = replace(rows[position], split=chosen, split_scheme=name, group=group)
    return assigned


def leaks(rows: Sequence[MediaRow]) -> dict[str, tuple[str, ...]]:
    """Person, source or equal file -> the splits it is in, for all that are in more than one."""
    found: dict[str, set[Split]] = {}
    for row in rows:
        if row.split:
            same = [SAME_FILE + row.content] if row.content else []
            for key in (*row.people, *row.sources, *same):
                found.setdefault(key, set()).add(row.split)
    return {key: tuple(sorted(splits)) for key, splits in sorted(found.items()) if len(splits) > 1}


def _leak_proof(rows: Columns, locks: Ints, seed: int) -> Ints:
    locks = hold_out(rows.links, locks)
    locks = hold_out(rows.links, cut(rows.links, rows.datasets, rows.labels, locks, seed))
    components = rows.links.components(locks != OUT)
    splits = place(_task(rows, components, locks, seed))
    return np.where(components >= 0, splits[components] if len(splits) else FREE, FREE)


def hold_out(links: Links, locks: Ints) -> Ints:
    """`locks` (R,) made leak-proof: free rows follow the most held-out row they are connected with; rows that share a
    key with a more held-out one are OUT."""
    locks = locks.copy()
    for split in (TEST, VAL, TRAIN):
        components = links.components((locks == split) | (locks == FREE))
        decided = np.unique(components[locks == split])
        locks[(locks == FREE) & np.isin(components, decided)] = split
        locks[links.touched_by(locks == split) & (locks >= 0) & (locks < split)] = OUT
    return locks


def _task(rows: Columns, components: Ints, locks: Ints, seed: int) -> Task:
    inside = components >= 0
    count = int(components.max(initial=-1)) + 1
    cells = rows.datasets * 2 + rows.labels
    _, methods = np.unique(cells * (int(rows.methods.max(initial=0)) + 1) + rows.methods, return_inverse=True)
    cell_counts = _counts(components[inside], cells[inside], count)
    lock = np.full(count, FREE, np.int64)
    lock[components[inside]] = locks[inside]  # hold_out left one lock a component
    shares, allowed = _shares(lock, cell_counts)
    return Task(
        strata=sparse.hstack([cell_counts, _counts(components[inside], methods[inside], count)], format="csr"),
        cells=(cell_counts > 0).astype(np.int64).tocsr(),
        allowed=allowed,
        shares=shares,
        order=seeded_order(names(rows.links, components, rows.media_ids), seed),
    )


def _counts(components: Ints, columns: Ints, count: int) -> sparse.csr_array:
    width = int(columns.max(initial=-1)) + 1
    ones = np.ones(len(columns), np.int64)
    table = sparse.coo_array((ones, (components, columns)), shape=(count, width)).tocsr()
    table.sum_duplicates()
    return table


def _shares(lock: Ints, cells: sparse.csr_array) -> tuple[NDArray[np.float64], Flags]:
    """(C, 3) wanted shares and (C, 3) allowed splits. Free components may go anywhere; locked ones stay, but those in
    train may go where their dataset lacks a class."""
    shares = np.tile(FRACTIONS, (len(lock), 1))
    locked = lock >= 0
    shares[locked] = np.eye(3)[lock[locked]]
    allowed = shares > 0
    in_train = lock == TRAIN
    for split in (VAL, TEST):
        empty, partial = _lacking(cells, lock, split)
        bearers = (cells > 0).astype(np.int64)
        # A component of several datasets is opened only where none of them has an official row in that split.
        full = in_train & (np.asarray(bearers @ (~empty).astype(np.int64)) == 0)
        allowed[in_train & (np.asarray(bearers @ (~partial).astype(np.int64)) == 0), split] = True
        shares[full, split] = FRACTIONS[split]
        shares[full, TRAIN] -= FRACTIONS[split]
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


def _groups(rows: Columns, splits: Ints) -> list[str]:
    """(R,) group of each row: its component among rows that are in a split, so that a group is in one split unless the
    scheme leaks. Rows in no split bear the name of what they are connected with."""
    everything = rows.links.components(np.ones(len(splits), np.bool_))
    kept = rows.links.components(splits >= 0)
    whole = names(rows.links, everything, rows.media_ids)
    parts = names(rows.links, kept, rows.media_ids)
    return [parts[k] if k >= 0 else whole[e] for k, e in zip(kept.tolist(), everything.tolist(), strict=True)]
