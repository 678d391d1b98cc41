"""Brightness of decoded frames, taken from the decoder's own plane: a tenth of the time of a conversion to gray."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
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

# Of the luma of one file, kept for the next one of the process: a window of 4 s of 1080p at 25 per second.
SPARE_BYTES = 1 << 28


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
        return pixels if self.is_full_range else EXPANDED.take(pixels)

    def reduce(self, max_pixels: int) -> Luma:
        """At most about `max_pixels`, averaged over squares of `step` pixels."""
        step = ceil(sqrt(self.pixels.size / max_pixels))
        if step <= 1:
            return self
        pixels = np.asarray(Image.fromarray(self.pixels).reduce(step))
        return Luma(pixels=pixels, step=self.step * step, is_full_range=self.is_full_range)


@dataclass
class LumaBuffers:
    """Memory that holds the luma of a window's frames, and then that of the next window's.

    Fresh memory comes from the kernel page by page, which takes twice the time of the copy into it.
    """

    free: list[NDArray[np.uint8]] = field(default_factory=list)
    """Flat ones, of any sizes."""

    def hold(self, luma: Luma) -> Luma:
        """A copy of it, until it is released."""
        buffer = self.free.pop() if self.free else np.empty(0, np.uint8)
        if buffer.size < luma.pixels.size:
            buffer = np.empty(luma.pixels.size, np.uint8)
        pixels = buffer[: luma.pixels.size].reshape(luma.pixels.shape)
        np.copyto(pixels, luma.pixels)
        return replace(luma, pixels=pixels)

    def release(self, lumas: Iterable[Luma]) -> None:
        """Memory of these, returned by `hold` and no longer read, may be overwritten."""
        self.free += [np.asarray(luma.pixels.base, np.uint8) for luma in lumas]

    def trim(self, max_bytes: int) -> None:
        """Give back what is free beyond this."""
        kept = np.cumsum([buffer.size for buffer in self.free]) <= max_bytes
        self.free = self.free[: int(kept.sum())]


_spare: list[LumaBuffers] = []


@contextmanager
def borrow_buffers() -> Iterator[LumaBuffers]:
    """Buffers of this process, with the memory of the file before; up to SPARE_BYTES of it are kept for the next."""
    # A list's own operations are atomic: of several threads, one gets them.
    try:
        buffers = _spare.pop()
    except IndexError:
        buffers = LumaBuffers()
    try:
        yield buffers
    finally:
        buffers.trim(SPARE_BYTES)
        if not _spare:
            _spare.append(buffers)


def take_plane(frame: av.VideoFrame, width: int, height: int) -> Luma | None:
    """The luma plane in the decoder's memory; None if the format has none, or frames are shown at another size."""
    name = frame.format.name
    if name not in FORMATS or (frame.width, frame.height) != (width, height):
        return None
    plane = frame.planes[0]
    pixels = np.asarray(memoryview(plane)).view(np.uint8).reshape(-1, plane.line_size)[:height, :width]
    is_full = name.startswith("yuvj") or name == "gray" or int(frame.color_range) == JPEG_RANGE
    return Luma(pixels=pixels, is_full_range=is_full)


def convert_to_gray(pixels: NDArray[np.uint8]) -> Luma:
    """From RGB (H, W, 3), by the weights of ITU-R BT.601."""
    return Luma(pixels=np.asarray(Image.fromarray(pixels).convert("L")))
