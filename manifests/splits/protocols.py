"""Schemes that follow the published splits, the identity groups or the datasets. Those of folds: folds.py.

Where the swaps of a dataset connect nearly all its identities: identity_partition.py.
"""

from __future__ import annotations

import numpy as np

from unmask.manifests.splits.grammar import Transfer
from unmask.manifests.splits.identity_graph import Ints
from unmask.manifests.splits.identity_partition import deal_in_two, divide_identities
from unmask.manifests.splits.leak_proof import TWO, assign_free_rows, hold_out
from unmask.manifests.splits.split_columns import FREE, OUT, TEST, TRAIN, VAL, Columns


def assign_official(rows: Columns, argument: None, seed: int) -> Ints:
    """Exactly as published, leaks included; OUT for datasets that publish no split."""
    return rows.official


def assign_official_strict(rows: Columns, argument: None, seed: int) -> Ints:
    """As published, without the files that share a key with a stricter split (test, then val, then train)."""
    return hold_out(rows.links, np.where(rows.official == FREE, OUT, rows.official))


def assign_grouped(rows: Columns, argument: None, seed: int) -> Ints:
    """Seeded: whole components across datasets, near 70/15/15 per dataset, label and method."""
    return _assign_leak_proof(rows, np.full_like(rows.official, FREE), seed)


def assign_default(rows: Columns, argument: None, seed: int) -> Ints:
    """As `assign_official_strict` where a split is published; other files join the split they are linked to, else they
    are grouped. A missing val, or a class that val or test lacks on this disk, is taken from train by whole components.
    """
    return _assign_leak_proof(rows, np.where(rows.binding, rows.official, FREE), seed)


def assign_leave_one_out(rows: Columns, dataset: str, seed: int) -> Ints:
    """`dataset` is test; train and val come from the other datasets."""
    return assign_train_val(rows, np.where(rows.select_datasets([dataset]), TEST, FREE), seed)


def assign_cross(rows: Columns, transfer: Transfer, seed: int) -> Ints:
    """Train and val from some datasets, test from others; all other datasets are OUT."""
    trained, tested = rows.select_datasets(transfer.train), rows.select_datasets(transfer.test)
    if transfer.test_official:
        tested &= rows.official == TEST
    locks = np.where(trained, FREE, np.where(tested, TEST, OUT))
    if transfer.train_official:
        locks[trained] = np.where(np.isin(rows.official[trained], [TRAIN, VAL]), rows.official[trained], OUT)
    return assign_train_val(rows, locks, seed)


def assign_train_val(rows: Columns, locks: Ints, seed: int) -> Ints:
    """(R,) splits: rows locked to TEST stay test, FREE rows that share no key with them become train and val.

    `locks` (R,): TEST, TRAIN, VAL, FREE or OUT per row.
    """
    locks[rows.links.find_linked(locks == TEST) & (locks != TEST)] = OUT
    locks = hold_out(rows.links, locks)
    return assign_free_rows(
        rows, hold_out(rows.links, divide_identities(rows, locks, seed, deal_in_two, parts=2)), seed, TWO
    )


def _assign_leak_proof(rows: Columns, locks: Ints, seed: int) -> Ints:
    locks = hold_out(rows.links, locks)
    return assign_free_rows(rows, hold_out(rows.links, divide_identities(rows, locks, seed)), seed)
