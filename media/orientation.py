"""How a decoded frame has to be turned, mirrored and scaled to look as a player shows it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

# Pixel aspects outside these limits are broken headers; those nearer to 1 come from rounding.
ASPECTS = (1 / 4, 4.0)
NEARLY_SQUARE = 0.01


@dataclass(frozen=True, slots=True)
class Orientation:
    """Right angles and mirrors of a display matrix."""

    swaps_axes: bool = False
    """The picture is mirrored at its main diagonal, before the flips."""
    flips_x: bool = False
    flips_y: bool = False

    @property
    def is_upright(self) -> bool:
        return self == Orientation()

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 3) or (H, W) as it is shown, contiguous."""
        turned = pixels.swapaxes(0, 1) if self.swaps_axes else pixels
        columns, rows = (slice(None, None, -1 if flips else 1) for flips in (self.flips_x, self.flips_y))
        return np.ascontiguousarray(turned[rows, columns])


def read_orientation(frame: av.VideoFrame) -> Orientation:
    """The orientation in the frame's display matrix, rounded to right angles."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return Orientation()
    # The point (x, y) is shown at (a x + c y, b x + d y).
    a, b, _, c, d = struct.unpack_from("5i", bytes(data))  # type: ignore[call-overload]
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(flips_x=a < 0, flips_y=d < 0)
    return Orientation(swaps_axes=True, flips_x=c < 0, flips_y=b < 0)


def scale_to_square_pixels(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Width and height that show a picture of non-square pixels in its shape; the shorter side of a pixel grows.

    `aspect` is the width of a pixel divided by its height.
    """
    ratio = float(aspect or 1)
    if not ASPECTS[0] <= ratio <= ASPECTS[1] or abs(ratio - 1) < NEARLY_SQUARE:
        return width, height
    return (round(width * ratio), height) if ratio > 1 else (width, round(height / ratio))
