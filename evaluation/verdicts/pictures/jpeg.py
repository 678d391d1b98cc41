"""JPEGs of bounded size."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

QUALITIES = (82, 65, 45, 25)
"""Tried in this order until a picture is small enough; then its sides are halved."""


def encode_within(pixels: NDArray[np.uint8], side: int, most_bytes: int) -> bytes:
    """JPEG of `pixels` (H, W, 3) uint8 RGB with both sides at most `side`, in at most `most_bytes`."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    for quality in QUALITIES:
        memory = io.BytesIO()
        image.save(memory, "JPEG", quality=quality)
        if memory.tell() <= most_bytes:
            return memory.getvalue()
    return encode_within(pixels, max(8, side // 2), most_bytes)
