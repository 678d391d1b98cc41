"""Rows of an evaluation on parts of its items, as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

EVERYTHING = "all datasets"
ONLY_FAKE = "only fake items"
ONLY_REAL = "only real items"


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRow:
    """Metrics of the model on one part of the evaluated items."""

    kind: str
    """Name of the entry of SLICE_KINDS that made it, such as "method"."""
    dataset: str
    """EVERYTHING for a part of all datasets together."""
    name: str
    """Of the part, such as "wav2lip" or "c40"."""
    n_real: int
    n_fake: int
    groups: int
    """Leak-proof components among these items: the units that the interval resamples."""
    values: Mapping[str, float | None] = field(default_factory=dict)
    """By the names of METRICS; None if undefined."""
    auc_interval: tuple[float, float] | None = None
    """95 %; None with fewer than three groups per class too."""
    image_auc: float | None = None
    """AUC of the image's own score; only in the rows of categories, and None where fewer than both classes have one."""
    audio_auc: float | None = None
    """AUC of the audio's own score, likewise."""
    reason: str | None = None
    """Why there is no AUC: ONLY_FAKE or ONLY_REAL."""

    def __getitem__(self, metric: str) -> float | None:
        return self.values.get(metric)

    def as_row(self) -> dict[str, Any]:
        """Flat: one column per field and metric, the ends of the interval apart."""
        entry: dict[str, Any] = asdict(self)
        values: dict[str, Any] = entry.pop("values")
        interval = entry.pop("auc_interval") or (None, None)
        return entry | {"auc_low": interval[0], "auc_high": interval[1]} | values


def read_slice(value: Mapping[str, Any]) -> SliceRow:
    """One entry of `slices` in evaluation.json."""
    interval = value.get("auc_interval")
    return SliceRow(**{**value, "auc_interval": None if interval is None else (interval[0], interval[1])})
