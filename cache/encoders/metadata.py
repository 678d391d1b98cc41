"""What a file's header says, as a token: container, codecs, sizes, rates. No weights, and nothing is fitted.

The facts carry shortcuts: where one class of a dataset was encoded by another program, they give the label away without
a look at the content. So no preset has this encoder unless it is asked for; it is there to measure what the facts alone
are worth. Label, dataset, path, split, people, method and text are no facts of the file, and cannot get in.

A category is one number of 1 among zeros: at a known value's place, at "other", or at "missing". A number is its
logarithm, scaled to -1 at the low and 1 at the high end of a fixed range and cut off there, and a flag that is 1 where
it is missing (the number is then 0). What is not above zero is missing: no header means a rate or a size of 0.

B items, D = categories and two a number
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from unmask.cache.encoders.encoder_options import only
from unmask.cache.spec import EncoderSpec
from unmask.core.hashing import fingerprint
from unmask.manifests.manifest import MediaRow
from unmask.preprocess.profiles import EncoderChoice

CATEGORIES: dict[str, tuple[str, ...]] = {
    "kind": ("image", "audio", "video"),
    "container": (
        *("jpeg", "png", "webp", "bmp", "gif", "tiff"),
        *("wav", "flac", "ogg", "mp3", "aiff", "aac"),
        *("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mpegts", "mpeg", "asf", "flv"),
    ),
    "video_codec": ("h264", "hevc", "mpeg4", "vp8", "vp9", "av1", "mjpeg", "mpeg2video", "wmv2", "rawvideo", "ffv1"),
    "audio_codec": (
        *("aac", "mp3", "opus", "vorbis", "flac", "ac3", "mp2", "alac", "amrnb", "wmav2"),
        *("pcm_s16le", "pcm_16", "pcm_24", "pcm_32", "pcm_u8", "float", "ulaw", "alaw", "mpeg_layer_iii"),
    ),
}
"""Fact -> the values that have a place of their own, as scan's libraries spell them."""

RANGES: dict[str, tuple[float, float]] = {
    "bytes": (1e2, 1e10),
    "width": (16, 8192),
    "height": (16, 8192),
    "fps": (1, 240),
    "duration_s": (0.04, 14_400),
    "frames": (1, 1e6),
    "sample_rate": (4_000, 192_000),
    "channels": (1, 16),
}
"""Fact -> the ends of its scale."""

FACTS = (*CATEGORIES, *RANGES)
EXTRA_PLACES = 2  # "other" and "missing"
WIDTH = sum(len(values) + EXTRA_PLACES for values in CATEGORIES.values()) + 2 * len(RANGES)


def facts_of(row: MediaRow) -> dict[str, Any]:
    """The facts of a manifest's row that this encoder takes, and no others; None where the header does not say."""
    return {name: getattr(row, name) for name in FACTS}


class MetadataEncoder:
    """Probe facts to one token an item."""

    def __init__(self, spec: EncoderSpec, device: torch.device) -> None:
        self.spec, self._device = spec, device

    def encode(self, batch: Sequence[Mapping[str, Any]]) -> torch.Tensor:
        """B dictionaries as `facts_of` makes them -> (B, 1, D) float32. A missing key is a missing fact."""
        rows = [list(_numbers(facts)) for facts in batch]
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


def _numbers(facts: Mapping[str, Any]) -> Iterator[float]:
    foreign = sorted(set(facts) - set(FACTS))
    if foreign:
        raise ValueError(f"not a fact of the file: {', '.join(foreign)}; known: {', '.join(FACTS)}")
    for name, values in CATEGORIES.items():
        yield from _places(facts.get(name), values)
    for name, (low, high) in RANGES.items():
        yield from _scaled(facts.get(name), low, high)


def _places(value: Any, known: Sequence[str]) -> list[float]:
    places = [0.0] * (len(known) + EXTRA_PLACES)
    text = str(value).strip().lower() if value is not None else ""
    position = len(known) + 1 if not text else known.index(text) if text in known else len(known)
    places[position] = 1.0
    return places


def _scaled(value: Any, low: float, high: float) -> tuple[float, float]:
    """(number, 1 where missing)."""
    number = float(value) if isinstance(value, int | float) else math.nan
    if not (math.isfinite(number) and number > 0):
        return 0.0, 1.0
    share = math.log(number / low) / math.log(high / low)
    return 2 * min(max(share, 0.0), 1.0) - 1, 0.0
