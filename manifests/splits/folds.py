"""k folds: over the folds every file is tested once, as far as identities can be kept apart.

Whole components are dealt into K folds. Where swaps connect all identities of a dataset, the identities are dealt
instead (identity_partition.py); a swap between identities of two folds is then never tested, and is trained on whenever
neither fold is held out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from unmask.core.errors import UsageError
from unmask.manifests.splits.grammar import Fold, IdentityPair
from unmask.manifests.splits.identity_graph import Flags, Ints
from unmask.manifests.splits.identity_partition import deal_in_two, divide_identities
from unmask.manifests.splits.leak_proof import TWO, Aim, assign_free_rows, hold_out
from unmask.manifests.splits.seeded_order import order_by_seed
from unmask.manifests.splits.split_columns import FREE, OUT, TEST, TRAIN, VAL, Columns


def assign_folds(rows: Columns, fold: Fold, seed: int) -> Ints:
    """(R,) splits: fold `fold.test` is test, the next one val; the others, and swaps across only them, are train."""
    used = _mark_used(rows, fold)
    folds = deal_folds(rows, used, fold.count, seed)
    splits = _assign_roles(folds, fold)
    held_out = rows.links.find_linked(splits >= VAL)
    splits[(folds == OUT) & used & ~held_out] = TRAIN
    return splits


def assign_mrdf(rows: Columns, fold: Fold, seed: int) -> Ints:
    """(R,) splits after MRDF (Zou et al., ICASSP 2024): folds of identities, with equally many clips of FakeAVCeleb's
    four types (real or fake video, real or fake audio) per fold. Source and donor of a swap are in one fold."""
    folds = deal_folds(rows, _mark_used(rows, fold), fold.count, seed)
    return _assign_roles(np.where(_balance_types(rows, folds, seed), folds, OUT), fold)


def deal_folds(rows: Columns, used: Flags, count: int, seed: int) -> Ints:
    """(R,) fold per row; OUT for rows that are not `used` and for swaps between two folds."""
    locks = np.where(used, FREE, OUT)
    locks = divide_identities(rows, locks, seed, lambda people: np.arange(people) % count, parts=count)
    aim = Aim(np.full(count, 1 / count), tuple(range(count)), roomy=None)
    folds = assign_free_rows(rows, hold_out(rows.links, locks, count), seed, aim)
    return np.where(folds >= 0, folds, OUT)


def assign_pair(rows: Columns, pair: IdentityPair, seed: int) -> Ints:
    """(R,) splits: files that show only this pair of identities are test; files that show one of the two with somebody
    else are dropped; the rest becomes train and val. Over all pairs every swap between two identities is tested once.
    Other datasets are used only as far as they share the identities (as the two datasets of DEEP-VOICE do)."""
    own = rows.select_datasets([pair.dataset])
    shown = rows.links.rows[:, np.flatnonzero(rows.links.people)]
    degree = np.asarray(shown.sum(axis=1))
    within = np.asarray(shown[:, _find_pair(shown[own & (degree == 2)], pair)].sum(axis=1))
    components = rows.links.find_components(np.ones(len(own), np.bool_))
    used = np.isin(components, components[own])
    locks = np.where(within > 0, np.where(within == degree, TEST, OUT), np.where(used, FREE, OUT))
    locks[(locks == FREE) & rows.links.find_linked(locks == TEST)] = OUT
    locks = hold_out(rows.links, divide_identities(rows, locks, seed, deal_in_two, parts=2))
    return assign_free_rows(rows, locks, seed, TWO)


def _find_pair(swaps: Any, pair: IdentityPair) -> Ints:
    """(2,) The columns of `swaps` (CSR, rows that show two identities) of pair number `pair.number`."""
    pairs = np.unique(np.sort(swaps.indices.reshape(-1, 2), axis=1), axis=0)
    if pair.number >= len(pairs):
        last = f"the last is --split leave-two-out:{pair.dataset}/{len(pairs) - 1}"
        problem = f"--split leave-two-out:{pair}: {pair.dataset} has {len(pairs)} pairs of swapped identities"
        raise UsageError(problem, last if len(pairs) else "try --split grouped")
    return np.asarray(pairs[pair.number])


def _mark_used(rows: Columns, fold: Fold) -> Flags:
    return rows.select_datasets(fold.datasets) if fold.datasets else np.ones(len(rows.labels), np.bool_)


def _assign_roles(folds: Ints, fold: Fold) -> Ints:
    split = np.full(fold.count, TRAIN, np.int64)
    split[fold.test], split[(fold.test + 1) % fold.count] = TEST, VAL
    return np.where(folds >= 0, split[folds], FREE)


def _balance_types(rows: Columns, folds: Ints, seed: int) -> Flags:
    """(R,) rows to keep: per fold as many rows of each type as of its rarest type, in a seeded order."""
    inside = np.flatnonzero(folds >= 0)
    types, of_type = np.unique(rows.kinds[inside], return_inverse=True)
    cell = folds[inside] * len(types) + of_type
    counts = np.bincount(cell, minlength=(int(folds.max(initial=0)) + 1) * len(types)).reshape(-1, len(types))
    quota = counts.min(axis=1)
    order = np.argsort(order_by_seed(rows.media_ids.take(pa.array(inside)), seed))
    chosen = np.lexsort((order, cell))
    starts = np.cumsum(counts.ravel()) - counts.ravel()
    place_in_cell = np.arange(len(chosen)) - starts[cell[chosen]]
    kept = np.zeros(len(folds), np.bool_)
    kept[inside[chosen[place_in_cell < quota[folds[inside[chosen]]]]]] = True
    return kept
