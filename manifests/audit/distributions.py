"""How numbers that a viewer could notice are distributed over reals and fakes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unmask.manifests.audit.results import Spread

BINS = 24
# Quantiles that the bins reach to: one broken header of a million hours must not press all others into one bin.
REACH = (0.005, 0.995)
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)

Floats = NDArray[np.float64]


def spreads(table: pa.Table, leading_s: Floats) -> tuple[Spread, ...]:
    """Duration, resolution, size and leading silence of labelled rows, where any has one.

    `leading_s` (R,): NaN where nothing is known.
    """
    numbers = {name: _column(table, name) for name in ("duration_s", "width", "height", "bytes")}
    shorter = np.minimum(numbers["width"], numbers["height"])
    found = [
        ("duration", "s", numbers["duration_s"]),
        ("resolution, shorter side", "px", shorter),
        ("file size", "kB", numbers["bytes"] / 1000),
        ("leading silence", "s", leading_s),
    ]
    label = _column(table, "label")
    return tuple(spread(name, unit, values, label) for name, unit, values in found if np.isfinite(values).any())


def spread(name: str, unit: str, values: Floats, label: Floats) -> Spread:
    """`values` (R,), NaN for none; `label` (R,) 0, 1 or NaN."""
    known = np.isfinite(values)
    low, high = (float(edge) for edge in np.quantile(values[known], REACH))
    if high <= low:
        low, high = float(values[known].min()), float(values[known].max())
    real, fake = (values[known & (label == number)] for number in (0, 1))
    return Spread(
        name=name,
        unit=unit,
        real=_quarters(real),
        fake=_quarters(fake),
        edges=(low, high),
        real_shares=_shares(real, low, high),
        fake_shares=_shares(fake, low, high),
    )


def _quarters(values: Floats) -> tuple[float, ...]:
    return tuple(np.quantile(values, QUARTERS).tolist()) if len(values) else ()


def _shares(values: Floats, low: float, high: float) -> tuple[float, ...]:
    """Empty where there is nothing to draw: no values, or only one."""
    if not len(values) or high <= low:
        return ()
    counts, _ = np.histogram(np.clip(values, low, high), BINS, (low, high))
    return tuple((counts / len(values)).tolist())


def _column(table: pa.Table, name: str) -> Floats:
    """(R,) NaN for null."""
    return np.asarray(table.column(name).cast(pa.float64()).to_numpy(), np.float64)
