"""Datasets whose swaps connect everybody: people are given to splits; fakes across splits are left out.

Whole components would put all fakes of Celeb-DF or DEEP-VOICE into one split.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unmask.manifests.splits.identity_graph import Flags, Ints
from unmask.manifests.splits.seeded_order import seeded_order
from unmask.manifests.splits.split_columns import FREE, OUT, TEST, TRAIN, VAL, Columns

# One component that holds more of a dataset's fakes than this leaves nothing to test on. Smaller ones, such as those of
# DFD's actors, stay whole.
MAX_SHARE = 0.9
MIN_COMPONENTS = 3
# Of people, for val and for test each. A fake survives only with both its people in one split: 15 % of people would
# leave test 2 % of the fakes. With 8 speakers, 4/2/2 keeps 24 of 64 files.
PEOPLE_FRACTION = 0.25
TRIALS = 64

Deal = Callable[[int], Ints]
"""Number of people -> the split that each of them, in a seeded order, is given to."""


@dataclass(frozen=True)
class Cut:
    """One way to give a component's people to splits."""

    locks: Ints
    """(R,) split of each of the component's rows, or OUT where its people are in different splits."""
    cells: int
    """How many pairs of split and label the dataset covers."""
    fake_splits: int


def in_three(people: int) -> Ints:
    held_out = max(1, round(PEOPLE_FRACTION * people))
    return np.repeat([TEST, VAL, TRAIN], [held_out, held_out, people - 2 * held_out])


def in_two(people: int) -> Ints:
    """Train and val, where the test is already chosen."""
    held_out = max(1, round(PEOPLE_FRACTION * people))
    return np.repeat([VAL, TRAIN], [held_out, people - held_out])


def cut(rows: Columns, locks: Ints, seed: int, deal: Deal = in_three, *, parts: int = 3) -> Ints:
    """`locks` (R,) with FREE rows of giant components given to one of `parts` splits or to OUT; the others as they
    were."""
    locks = locks.copy()
    components = rows.links.components(locks == FREE)
    for dataset in range(len(rows.names)):
        of_dataset = rows.datasets == dataset
        giant = _giant(components, of_dataset & (rows.labels == 1))
        if giant is None:
            continue
        best = _best(rows, giant, of_dataset[giant], seed, deal, parts)
        if best is not None and best.fake_splits > 1:
            locks[giant] = best.locks
            components[giant] = -1  # its rows without a person follow what they are connected with
    return locks


def _giant(components: Ints, fakes: Flags) -> Ints | None:
    """Rows of the free component that holds nearly all of a dataset's `fakes`; None where whole components do."""
    bearing = components[fakes & (components >= 0)]
    if not len(bearing):
        return None
    sizes = np.bincount(bearing)
    if np.count_nonzero(sizes) >= MIN_COMPONENTS and sizes.max() <= MAX_SHARE * len(bearing):
        return None
    return np.flatnonzero(components == int(sizes.argmax()))


def _best(rows: Columns, giant: Ints, of_dataset: Flags, seed: int, deal: Deal, parts: int) -> Cut | None:
    """The trial that covers most splits with both labels, then the one that keeps most rows, then the first."""
    columns = np.flatnonzero(rows.links.people)
    borne = rows.links.rows[giant][:, columns]
    present = np.flatnonzero(np.asarray(borne.sum(axis=0)) > 0)
    if len(present) < parts:
        return None
    people = rows.links.keys.take(pa.array(columns[present])).to_pylist()
    borne = borne[:, present]
    trials = (_trial(borne, people, of_dataset, rows.labels[giant], f"{seed}/{n}", deal, parts) for n in range(TRIALS))
    return max(trials, key=lambda trial: (trial.cells, int((trial.locks >= 0).sum())))


def _trial(borne: Any, people: list[str], of_dataset: Flags, labels: Ints, seed: str, deal: Deal, parts: int) -> Cut:
    split_of = np.zeros(len(people), np.int64)
    split_of[seeded_order(people, seed)] = deal(len(people))
    counts: NDArray[np.int64] = np.asarray(borne @ np.eye(parts, dtype=np.int64)[split_of])
    degree = counts.sum(axis=1)
    locks = np.where(counts.max(axis=1) == degree, counts.argmax(axis=1), OUT)
    locks[degree == 0] = FREE
    kept = of_dataset & (locks >= 0)
    cells = np.unique(locks[kept] * 2 + labels[kept])
    return Cut(locks, len(cells), int((cells % 2).sum()))
