"""Brightness of decoded frames, taken from the decoder's own plane: a tenth of the time of a conversion to gray."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

# 8-bit formats whose first plane is luma, one byte per pixel.
PLANAR = frozenset(f"yuv{full}{layout}p" for full in ("", "j") for layout in ("410", "411", "420", "422", "440", "444"))
FORMATS = PLANAR | {"nv12", "nv16", "nv21", "gray"}
JPEG_RANGE = 2

# Black and white of video with limited range (ITU-R BT.601 and BT.709).
BLACK, WHITE = 16, 235
EXPANDED = np.clip(np.round((np.arange(256) - BLACK) * 255 / (WHITE - BLACK)), 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Luma:
    """Brightness of one upright frame."""

    pixels: NDArray[np.uint8]
    """(h, w)"""
    step: int = 1
    """Pixels of the frame per pixel, in both directions."""
    is_full_range: bool = True
    """Black is 0 and white 255; else they are 16 and 235."""

    def expand(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A part of it, of any shape, in full range."""
        return pixels if self.is_full_range else EXPANDED[pixels]

    def reduce(self, max_pixels: int) -> Luma:
        """At most about `max_pixels`, averaged over squares of `step` pixels."""
        step = ceil(sqrt(self.pixels.size / max_pixels))
        if step <= 1:
            return self
        pixels = np.asarray(Image.fromarray(self.pixels).reduce(step))
        return Luma(pixels=pixels, step=self.step * step, is_full_range=self.is_full_range)


def take_plane(frame: av.VideoFrame, width: int, height: int) -> Luma | None:
    """A copy of the luma plane as decoded; None if the format has none, or frames are shown at another size."""
    name = frame.format.name
    if name not in FORMATS or (frame.width, frame.height) != (width, height):
        return None
    plane = frame.planes[0]
    pixels = np.asarray(memoryview(plane)).view(np.uint8).reshape(-1, plane.line_size)[:height, :width]
    is_full = name.startswith("yuvj") or name == "gray" or int(frame.color_range) == JPEG_RANGE
    return Luma(pixels=pixels.copy(), is_full_range=is_full)


def convert_to_gray(pixels: NDArray[np.uint8]) -> Luma:
    """From RGB (H, W, 3), by the weights of ITU-R BT.601."""
    return Luma(pixels=np.asarray(Image.fromarray(pixels).convert("L")))
