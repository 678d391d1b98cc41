"""Distributions of duration, resolution, size and leading silence over real and fake files."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unmask.manifests.audit.results import Spread

BINS = 24
# Quantiles at the ends of the bins: one broken header of a million hours must not squeeze all others into one bin.
REACH = (0.005, 0.995)
QUARTILES = (0.0, 0.25, 0.5, 0.75, 1.0)

Floats = NDArray[np.float64]


def describe_distributions(table: pa.Table, leading_s: Floats) -> tuple[Spread, ...]:
    """Duration, resolution, size and leading silence of labeled rows, where any row has a value.

    `leading_s` (R,): NaN if unknown.
    """
    numbers = {name: _read_column(table, name) for name in ("duration_s", "width", "height", "bytes")}
    shorter = np.minimum(numbers["width"], numbers["height"])
    columns = [
        ("duration", "s", numbers["duration_s"]),
        ("resolution, shorter side", "px", shorter),
        ("file size", "kB", numbers["bytes"] / 1000),
        ("leading silence", "s", leading_s),
    ]
    label = _read_column(table, "label")
    return tuple(
        describe_distribution(name, unit, values, label) for name, unit, values in columns if np.isfinite(values).any()
    )


def describe_distribution(name: str, unit: str, values: Floats, label: Floats) -> Spread:
    """`values` (R,), NaN for none; `label` (R,) 0, 1 or NaN."""
    known = np.isfinite(values)
    low, high = (float(edge) for edge in np.quantile(values[known], REACH))
    if high <= low:
        low, high = float(values[known].min()), float(values[known].max())
    real, fake = (values[known & (label == number)] for number in (0, 1))
    return Spread(
        name=name,
        unit=unit,
        real=_compute_quartiles(real),
        fake=_compute_quartiles(fake),
        edges=(low, high),
        real_shares=_compute_shares(real, low, high),
        fake_shares=_compute_shares(fake, low, high),
    )


def _compute_quartiles(values: Floats) -> tuple[float, ...]:
    return tuple(np.quantile(values, QUARTILES).tolist()) if len(values) else ()


def _compute_shares(values: Floats, low: float, high: float) -> tuple[float, ...]:
    """Empty without values or with only one distinct value."""
    if not len(values) or high <= low:
        return ()
    counts, _ = np.histogram(np.clip(values, low, high), BINS, (low, high))
    return tuple((counts / len(values)).tolist())


def _read_column(table: pa.Table, name: str) -> Floats:
    """(R,) NaN for null."""
    return np.asarray(table.column(name).cast(pa.float64()).to_numpy(), np.float64)
