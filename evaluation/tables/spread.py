"""A figure over the seeds of a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    mean: float
    deviation: float | None
    """Sample standard deviation over the seeds; None for one seed."""
    seeds: int

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + ("" if self.deviation is None else f" ± {self.deviation:.3f}")


def spread_over_seeds(values: Sequence[float | None]) -> Spread | None:
    """Of one value per seed; seeds without a value are left out, None if all are."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    deviation = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return Spread(mean=float(np.mean(known)), deviation=deviation, seeds=len(known))
