"""The header of a file as a token: container, codecs, sizes, rates. No weights, nothing is fitted.

Headers are shortcuts: if one class of a dataset was encoded by another program, they reveal the label without the
content. So presets use this encoder only on request, to measure what headers alone are worth. Label, dataset, path,
split, people, method and text are not header fields and are refused.

A category is one-hot: a known value, "other" or "missing". A number is its logarithm, scaled to -1 at the low and 1 at
the high end of a fixed range and clipped there, and a flag that is 1 where it is missing (the number is then 0).
Numbers that are not above zero are missing: no header means a rate or a size of 0.

B items, D = places of categories and two per number
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from unmask.cache.encoders.encoder_options import only
from unmask.cache.spec import EncoderSpec
from unmask.core.hashing import fingerprint
from unmask.manifests.header_features import HEADER_FIELDS
from unmask.manifests.manifest import MediaRow
from unmask.preprocess.profiles import EncoderChoice

CATEGORIES = {field.name: field.values for field in HEADER_FIELDS if field.values}
"""Header field -> the values that have a place of their own."""
RANGES = {field.name: field.range for field in HEADER_FIELDS if not field.values}
"""Header field -> the ends of its scale."""

FACTS = (*CATEGORIES, *RANGES)
EXTRA_PLACES = 2  # "other" and "missing"
WIDTH = sum(len(values) + EXTRA_PLACES for values in CATEGORIES.values()) + 2 * len(RANGES)


def read_header_fields(row: MediaRow) -> dict[str, Any]:
    """The header fields of a manifest row, and no others; None where the header does not say."""
    return {name: getattr(row, name) for name in FACTS}


class MetadataEncoder:
    """Header fields to one token per item."""

    def __init__(self, spec: EncoderSpec, device: torch.device) -> None:
        self.spec, self._device = spec, device

    def encode(self, batch: Sequence[Mapping[str, Any]]) -> torch.Tensor:
        """B dictionaries from `read_header_fields` -> (B, 1, D) float32. A missing key is a missing field."""
        rows = [list(_encode_fields(facts)) for facts in batch]
        return torch.tensor(rows, dtype=torch.float32, device=self._device).reshape(len(rows), 1, WIDTH)


def metadata(choice: EncoderChoice, device: torch.device) -> MetadataEncoder:
    only(choice)
    spec = EncoderSpec(
        name=choice.name,
        modality="metadata",
        weights="none",
        weights_hash=fingerprint("metadata", CATEGORIES, RANGES),
        native_dim=WIDTH,
        pooling="none",
        normalisation="one place a category; logarithms from -1 to 1 over fixed ranges, with a flag where missing",
    )
    return MetadataEncoder(spec, device)


def _encode_fields(facts: Mapping[str, Any]) -> Iterator[float]:
    foreign = sorted(set(facts) - set(FACTS))
    if foreign:
        raise ValueError(f"not a header field: {', '.join(foreign)}; known: {', '.join(FACTS)}")
    for name, values in CATEGORIES.items():
        yield from _encode_category(facts.get(name), values)
    for name, (low, high) in RANGES.items():
        yield from _scale_number(facts.get(name), low, high)


def _encode_category(value: Any, known: Sequence[str]) -> list[float]:
    places = [0.0] * (len(known) + EXTRA_PLACES)
    text = str(value).strip().lower() if value is not None else ""
    position = len(known) + 1 if not text else known.index(text) if text in known else len(known)
    places[position] = 1.0
    return places


def _scale_number(value: Any, low: float, high: float) -> tuple[float, float]:
    """(number, 1 where missing)."""
    number = float(value) if isinstance(value, int | float) else math.nan
    if not (math.isfinite(number) and number > 0):
        return 0.0, 1.0
    # Clipped before the logarithm: the smallest floats divided by `low` are 0.
    share = math.log(max(number, low) / low) / math.log(high / low)
    return 2 * min(share, 1.0) - 1, 0.0
