"""Datasets whose swaps connect everybody: people are given to splits; fakes across splits are left out.

Whole components would put all fakes of Celeb-DF or DEEP-VOICE into one split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manifests.links import Flags, Ints, Links
from manifests.order import seeded_order

FREE, OUT = -1, -2

# One component that holds more of a dataset's fakes than this leaves nothing to test on. Smaller ones, such as those of
# DFD's actors, stay whole.
MAX_SHARE = 0.9
MIN_COMPONENTS = 3
# Of people, for val and for test each. A fake survives only with both its people in one split: 15 % of people would
# leave test 2 % of the fakes. With 8 speakers, 4/2/2 keeps 24 of 64 files.
PEOPLE_FRACTION = 0.25
TRIALS = 64


@dataclass(frozen=True)
class Cut:
    """One way to give a component's people to splits."""

    locks: Ints
    """(R,) split of each of the component's rows: 0 to 2, or OUT where its people are in different splits."""
    cells: int
    """How many pairs of split and label the dataset covers."""
    fake_splits: int


def cut(links: Links, datasets: Ints, labels: Ints, locks: Ints, seed: int) -> Ints:
    """`locks` (R,) with FREE rows of giant components given to a split or to OUT; the others as they were."""
    locks = locks.copy()
    for dataset in range(int(datasets.max(initial=-1)) + 1):
        giant = _giant(links, datasets == dataset, labels, locks)
        if giant is None:
            continue
        best = _best(links, giant, (datasets == dataset)[giant], labels[giant], seed)
        if best is not None and best.fake_splits > 1:
            locks[giant] = best.locks
    return locks


def _giant(links: Links, of_dataset: Flags, labels: Ints, locks: Ints) -> Ints | None:
    """Rows of the free component that holds nearly all of a dataset's fakes; None where whole components do."""
    components = links.components(locks == FREE)
    fakes = components[of_dataset & (labels == 1) & (components >= 0)]
    sizes = np.bincount(fakes)
    if not len(fakes) or (np.count_nonzero(sizes) >= MIN_COMPONENTS and sizes.max() <= MAX_SHARE * len(fakes)):
        return None
    return np.flatnonzero(components == int(sizes.argmax()))


def _best(links: Links, rows: Ints, of_dataset: Flags, labels: Ints, seed: int) -> Cut | None:
    """The trial that covers most splits with both labels, then the one that keeps most rows, then the first."""
    borne = links.rows[rows][:, links.people]
    present = np.flatnonzero(np.asarray(borne.sum(axis=0)) > 0)
    if len(present) < 3:
        return None
    people = np.asarray(links.keys, dtype=object)[links.people][present].tolist()
    trials = [_trial(borne[:, present], people, of_dataset, labels, f"{seed}/{trial}") for trial in range(TRIALS)]
    return max(trials, key=lambda trial: (trial.cells, int((trial.locks >= 0).sum())))


def _trial(borne: Any, people: list[str], of_dataset: Flags, labels: Ints, seed: str) -> Cut:
    held_out = max(1, round(PEOPLE_FRACTION * len(people)))
    split_of = np.zeros(len(people), np.int64)
    order = seeded_order(people, seed)
    split_of[order[:held_out]], split_of[order[held_out : 2 * held_out]] = 2, 1
    counts: NDArray[np.int64] = np.asarray(borne @ np.eye(3, dtype=np.int64)[split_of])
    degree = counts.sum(axis=1)
    locks = np.where(counts.max(axis=1) == degree, counts.argmax(axis=1), OUT)
    locks[degree == 0] = FREE
    kept = of_dataset & (locks >= 0)
    cells = {(split, label) for split, label in zip(locks[kept].tolist(), labels[kept].tolist(), strict=True)}
    return Cut(locks, len(cells), len({split for split, label in cells if label == 1}))
