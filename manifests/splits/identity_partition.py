"""Datasets whose swaps link nearly all identities: divide the identities among the splits, drop fakes across splits.

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
from unmask.manifests.splits.seeded_order import order_by_seed
from unmask.manifests.splits.split_columns import FREE, OUT, TEST, TRAIN, VAL, Columns

# A component with a larger share of a dataset's fakes leaves too few to test on. Smaller ones, such as those of DFD's
# actors, stay whole.
MAX_SHARE = 0.9
MIN_COMPONENTS = 3
# Share of identities for val and for test each. A fake is kept only if both its identities are in one split: 15 % of
# the identities would leave test 2 % of the fakes. With 8 speakers, 4/2/2 keeps 24 of 64 files.
PEOPLE_FRACTION = 0.25
TRIALS = 64

Deal = Callable[[int], Ints]
"""Number of identities -> split of each, in a seeded order."""


@dataclass(frozen=True)
class Division:
    """One way to divide the identities of a component among the splits."""

    locks: Ints
    """(R,) split per row of the component; OUT where its identities are in different splits."""
    cells: int
    """Number of (split, label) pairs that the dataset has rows in."""
    fake_splits: int


def deal_in_three(people: int) -> Ints:
    held_out = max(1, round(PEOPLE_FRACTION * people))
    return np.repeat([TEST, VAL, TRAIN], [held_out, held_out, people - 2 * held_out])


def deal_in_two(people: int) -> Ints:
    """Train and val; test is chosen already."""
    held_out = max(1, round(PEOPLE_FRACTION * people))
    return np.repeat([VAL, TRAIN], [held_out, people - held_out])


def divide_identities(rows: Columns, locks: Ints, seed: int, deal: Deal = deal_in_three, *, parts: int = 3) -> Ints:
    """(R,) `locks` in which FREE rows of giant components have one of `parts` splits or OUT."""
    locks = locks.copy()
    components = rows.links.find_components(locks == FREE)
    for dataset in range(len(rows.names)):
        of_dataset = rows.datasets == dataset
        giant = _find_giant(components, of_dataset & (rows.labels == 1))
        if giant is None:
            continue
        best = _choose_division(rows, giant, of_dataset[giant], seed, deal, parts)
        if best is not None and best.fake_splits > 1:
            locks[giant] = best.locks
            components[giant] = -1  # its rows without an identity join the split they are linked to
    return locks


def _find_giant(components: Ints, fakes: Flags) -> Ints | None:
    """Rows of the FREE component with nearly all of a dataset's `fakes`; None where whole components suffice."""
    of_fakes = components[fakes & (components >= 0)]
    if not len(of_fakes):
        return None
    sizes = np.bincount(of_fakes)
    if np.count_nonzero(sizes) >= MIN_COMPONENTS and sizes.max() <= MAX_SHARE * len(of_fakes):
        return None
    return np.flatnonzero(components == int(sizes.argmax()))


def _choose_division(
    rows: Columns, giant: Ints, of_dataset: Flags, seed: int, deal: Deal, parts: int
) -> Division | None:
    """The best trial: most (split, label) pairs, then most rows kept, then the first."""
    columns = np.flatnonzero(rows.links.people)
    shown = rows.links.rows[giant][:, columns]
    present = np.flatnonzero(np.asarray(shown.sum(axis=0)) > 0)
    if len(present) < parts:
        return None
    people = rows.links.keys.take(pa.array(columns[present])).to_pylist()
    shown = shown[:, present]
    trials = (
        _try_division(shown, people, of_dataset, rows.labels[giant], f"{seed}/{n}", deal, parts) for n in range(TRIALS)
    )
    return max(trials, key=lambda trial: (trial.cells, int((trial.locks >= 0).sum())))


def _try_division(
    shown: Any, people: list[str], of_dataset: Flags, labels: Ints, seed: str, deal: Deal, parts: int
) -> Division:
    split_of = np.zeros(len(people), np.int64)
    split_of[order_by_seed(people, seed)] = deal(len(people))
    counts: NDArray[np.int64] = np.asarray(shown @ np.eye(parts, dtype=np.int64)[split_of])
    degree = counts.sum(axis=1)
    locks = np.where(counts.max(axis=1) == degree, counts.argmax(axis=1), OUT)
    locks[degree == 0] = FREE
    kept = of_dataset & (locks >= 0)
    cells = np.unique(locks[kept] * 2 + labels[kept])
    return Division(locks, len(cells), int((cells % 2).sum()))
