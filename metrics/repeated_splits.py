"""Confidence intervals of a mean over repeated random splits of one data set.

The differences of J splits are not independent: their training parts overlap. The plain standard error of their mean is
therefore too small. Nadeau and Bengio (2003) replace the variance s^2 / J by (1 / J + test items / training items) s^2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class SplitMean:
    mean: float
    half_width: float
    """The interval is mean +- half_width; NaN for fewer than two splits."""

    @property
    def excludes_zero(self) -> bool:
        return abs(self.mean) > self.half_width


def average_splits(values: Sequence[float], test_to_train: float, level: float = LEVEL) -> SplitMean:
    """Mean of one value per split with its corrected interval; `test_to_train`: test items per training item."""
    count = len(values)
    if not count or not test_to_train > 0:
        raise ValueError(f"{count} splits, {test_to_train} test items per training item: nothing to average")
    mean = float(np.mean(values))
    if count < 2:
        return SplitMean(mean, math.nan)
    variance = (1 / count + test_to_train) * float(np.var(values, ddof=1))
    return SplitMean(mean, float(stats.t.ppf((1 + level) / 2, count - 1)) * math.sqrt(variance))
