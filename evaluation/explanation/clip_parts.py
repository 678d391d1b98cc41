"""The parts of a clip that are left out one by one: each modality in each second.

n tokens of one encoder in the clip
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from unmask.train.data.batch import TIMELESS
from unmask.train.data.layer_mixtures import align_layers
from unmask.train.data.token_data import TokenData
from unmask.train.models.detector import Detector

MOST_SPANS = 8
"""Per modality and clip. Spans of longer clips are whole numbers of seconds above 1."""
SYNC = "sync"
"""Beside the modalities: how mouth and audio fit in time, as the sync encoder compares them."""

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, order=True)
class Part:
    modality: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipParts:
    clip: int
    """Row of the clip table."""
    parts: tuple[Part, ...]
    of_token: Mapping[str, NDArray[np.int64]]
    """Encoder -> (n,) position in `parts` of each of its tokens, in the order of a batch; none for n = 0."""
    of_sync: int | None
    """Position of the part SYNC."""


def choose_step(spans: Sequence[Span]) -> float:
    """Length of the parts in seconds, for clips with these spans of one file."""
    return float(max(1, ceil(max((end - start for start, end in spans), default=0) / MOST_SPANS)))


def divide_clip(data: TokenData, model: Detector, clip: int, span: Span, step_s: float, whole: Span) -> ClipParts:
    """Parts of `step_s` seconds on the clock of the recording, so that those of overlapping clips coincide.

    `span` of the clip, `whole` of all clips of its file: that is the part of text and metadata, which have no time.
    """
    alone, streams = np.array([clip]), {name: data.streams[name] for name in model.shape.streams}
    lengths = align_layers({name: stream.lengths[alone] for name, stream in streams.items()}, model.mixtures)
    found: dict[Part, int] = {}
    of_token: dict[str, NDArray[np.int64]] = {}
    for name, stream in streams.items():
        modality, count = stream.spec.modality, int(lengths[name][0])
        if not count:
            continue
        if modality in TIMELESS:
            parts = [Part(modality, *whole)] * count
        else:
            parts = [_find_part(modality, time_s, span, step_s) for time_s in stream.take(alone)[1].tolist()]
        of_token[name] = np.array([found.setdefault(part, len(found)) for part in parts], np.int64)
    has_sync = model.sync is not None and data.sync is not None and bool(data.sync.known[clip])
    of_sync = found.setdefault(Part(SYNC, *span), len(found)) if has_sync else None
    return ClipParts(clip=clip, parts=tuple(found), of_token=of_token, of_sync=of_sync)


def _find_part(modality: str, time_s: float, span: Span, step_s: float) -> Part:
    """The part that a token of this time belongs to, cut off at the ends of the clip."""
    start, end = span
    # A token may lie at the very end of its clip, and an image has no length at all.
    inside = max(start, min(time_s, float(np.nextafter(end, start))))
    first = step_s * (inside // step_s)
    return Part(modality, max(start, first), min(end, first + step_s))
