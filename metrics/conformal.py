"""Limits that few new items exceed, whatever the distribution (conformal prediction), for items in groups.

N items, G groups
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def find_conformal_limit(value: NDArray[np.float64], group: NDArray[np.int64], share: float) -> float:
    """Limit that an item of a new group exceeds with a probability of at most `share`; infinite with too few groups.

    `value` (N,), `group` (N,) of items like the new one. Items of one group are not independent: each group counts as
    one, its items in equal parts (Dunn, Wasserman and Ramdas 2018, arXiv:1809.07441, "pooling CDFs"). At least
    1 / `share` - 1 groups are needed.
    """
    if not len(value):
        return math.inf
    weight = 1 / np.bincount(group)[group]
    groups = len(np.unique(group))
    order = np.argsort(value, kind="stable")
    covered = np.cumsum(weight[order]) / (groups + 1)
    # Sums of fractions such as 1/3 end just below the share that they add up to.
    enough = np.flatnonzero(covered >= 1 - share - 1e-9)
    return float(value[order][enough[0]]) if len(enough) else math.inf


def measure_grouped_share(chosen: NDArray[np.bool_], group: NDArray[np.int64]) -> float:
    """Share of the items that are `chosen` (N,), each group counting as one; 0 without items."""
    if not len(chosen):
        return 0.0
    weight = 1 / np.bincount(group)[group]
    return float(weight[chosen].sum() / weight.sum())
