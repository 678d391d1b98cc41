"""k folds: everything is tested once over the folds, as far as people can be kept apart.

Whole components are dealt into K folds; where swaps connect all of a dataset's people, the people are (cutting.py), and
a swap between people of two folds is never tested, but trained on whenever neither fold is held out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from unmask.core.errors import UsageError
from unmask.manifests.splits.grammar import Scheme
from unmask.manifests.splits.identity_graph import Flags, Ints
from unmask.manifests.splits.identity_partition import cut, in_two
from unmask.manifests.splits.leak_proof import TWO, Aim, fill, hold_out
from unmask.manifests.splits.seeded_order import seeded_order
from unmask.manifests.splits.split_columns import FREE, OUT, TEST, TRAIN, VAL, Columns


def folds(rows: Columns, scheme: Scheme, seed: int) -> Ints:
    """(R,) splits: fold `scheme.fold` is test, the next one val, the others and what crosses only them are train."""
    fold = fold_of(rows, _about(rows, scheme), scheme.folds, seed)
    splits = _roles(fold, scheme)
    held_out = rows.links.touched_by(splits >= VAL)
    splits[(fold == OUT) & _about(rows, scheme) & ~held_out] = TRAIN
    return splits


def mrdf(rows: Columns, scheme: Scheme, seed: int) -> Ints:
    """(R,) splits after MRDF (Zou et al., ICASSP 2024): folds of people, with as many clips of each of FakeAVCeleb's
    four types (real or fake picture, real or fake sound). Both the source and the donor of a swap are in one fold."""
    fold = fold_of(rows, _about(rows, scheme), scheme.folds, seed)
    return _roles(np.where(_balanced(rows, fold, seed), fold, OUT), scheme)


def fold_of(rows: Columns, about: Flags, count: int, seed: int) -> Ints:
    """(R,) fold of each row, OUT for those between folds and those not in `about`."""
    locks = np.where(about, FREE, OUT)
    locks = cut(rows, locks, seed, lambda people: np.arange(people) % count, parts=count)
    aim = Aim(np.full(count, 1 / count), tuple(range(count)), roomy=None)
    fold = fill(rows, hold_out(rows.links, locks, count), seed, aim)
    return np.where(fold >= 0, fold, OUT)


def leave_two_out(rows: Columns, scheme: Scheme, seed: int) -> Ints:
    """(R,) splits: what only one pair of people bears is test, what one of them bears with others is left out, val and
    train are cut from the rest. Over all pairs every swap between two people is tested once. Other datasets take part
    only as far as they share the people (both parts of DEEP-VOICE do)."""
    own = rows.of(scheme.tested)
    borne = rows.links.rows[:, np.flatnonzero(rows.links.people)]
    degree = np.asarray(borne.sum(axis=1))
    within = np.asarray(borne[:, _pair(borne[own & (degree == 2)], scheme)].sum(axis=1))
    everything = rows.links.components(np.ones(len(own), np.bool_))
    about = np.isin(everything, everything[own])
    locks = np.where(within > 0, np.where(within == degree, TEST, OUT), np.where(about, FREE, OUT))
    locks[(locks == FREE) & rows.links.touched_by(locks == TEST)] = OUT
    locks = hold_out(rows.links, cut(rows, locks, seed, in_two, parts=2))
    return fill(rows, locks, seed, TWO)


def _pair(swaps: Any, scheme: Scheme) -> Ints:
    """(2,) The columns of `swaps` (rows of two people each, CSR) that are the pair number `scheme.fold`."""
    pairs = np.unique(np.sort(swaps.indices.reshape(-1, 2), axis=1), axis=0)
    if scheme.fold >= len(pairs):
        name = f"leave-two-out:{scheme.tested[0]}"
        hint = f"the last is --split {name}/{len(pairs) - 1}" if len(pairs) else "try --split grouped"
        raise UsageError(f"--split {scheme}: {len(pairs)} pairs of people are in swaps of {scheme.tested[0]}", hint)
    return np.asarray(pairs[scheme.fold])


def _about(rows: Columns, scheme: Scheme) -> Flags:
    return rows.of(scheme.trained) if scheme.trained else np.ones(len(rows.labels), np.bool_)


def _roles(fold: Ints, scheme: Scheme) -> Ints:
    role = np.full(scheme.folds, TRAIN, np.int64)
    role[scheme.fold], role[(scheme.fold + 1) % scheme.folds] = TEST, VAL
    return np.where(fold >= 0, role[fold], FREE)


def _balanced(rows: Columns, fold: Ints, seed: int) -> Flags:
    """(R,) in each fold as many rows of each type as its rarest type has, in a seeded order."""
    inside = np.flatnonzero(fold >= 0)
    types, of_type = np.unique(rows.kinds[inside], return_inverse=True)
    cell = fold[inside] * len(types) + of_type
    counts = np.bincount(cell, minlength=(int(fold.max(initial=0)) + 1) * len(types)).reshape(-1, len(types))
    quota = counts.min(axis=1)
    order = np.argsort(seeded_order(rows.media_ids.take(pa.array(inside)), seed))
    chosen = np.lexsort((order, cell))
    starts = np.cumsum(counts.ravel()) - counts.ravel()
    place_in_cell = np.arange(len(chosen)) - starts[cell[chosen]]
    kept = np.zeros(len(fold), np.bool_)
    kept[inside[chosen[place_in_cell < quota[fold[inside[chosen]]]]]] = True
    return kept
