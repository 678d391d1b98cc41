"""Where, and at which sizes, MTCNN's first network looks for faces that neighboring frames have.

The grid of squares is that of a full search, so that the squares which are looked at give the same numbers. Every
square from which the full search may get the face has to be among them: which of some seven candidates becomes the face
is decided by differences of 1e-5 in their confidence, and another one moves the crop by several pixels.

K faces, B squares
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.preprocess.faces.image_pyramid import CELL

# Pixels between neighboring squares of the first network.
STRIDE = 2
# Where the squares lie from which a full search gets its faces, measured on half of the videos of two collections:
# their centers relative to the face's, and the logarithm of their sides, in sides of the face. 99.4 % are inside each.
LEFT, RIGHT = -0.27, 0.42
ABOVE, BELOW = -0.43, 0.40
SMALLER, LARGER = -1.03, 0.58
# So far a face may move, in sides, and so much may it grow or shrink (logarithm), from the frame that it is known from.
MOVED, GROWN = 0.25, 0.2
# Squares around those that are looked at: what suppresses one of these has to be there too.
NEIGHBORS = 2
# Regions are multiples of so many pixels: a convolution is prepared anew, for a millisecond, for each new shape.
EVEN = 16


@dataclass(frozen=True, slots=True)
class Focus:
    """The surroundings of some faces."""

    boxes: NDArray[np.float32]
    """(K, 4) pixels of the searched frames; K > 0"""

    def has_scale(self, scale: float) -> bool:
        """Whether squares of the level of the pyramid at `scale` have the size of one of the faces."""
        return bool(self._select_faces(scale).any())

    def select_region(self, scale: float, height: int, width: int) -> tuple[slice, slice] | None:
        """Rows and columns of a level of the pyramid, (height, width), that hold all squares of the focus.

        Their first pixels are multiples of `STRIDE`: its squares are squares of the whole level. None without any.
        """
        wanted = self._select_faces(scale)
        if not wanted.any():
            return None
        centers, sides = _measure(self.boxes)
        low = (centers + sides[:, None] * (np.array([LEFT, ABOVE]) - MOVED))[wanted].min(axis=0)
        high = (centers + sides[:, None] * (np.array([RIGHT, BELOW]) + MOVED))[wanted].max(axis=0)
        columns, rows = (
            _select_pixels(low[axis] * scale, high[axis] * scale, limit) for axis, limit in enumerate((width, height))
        )
        return None if columns is None or rows is None else (rows, columns)

    def holds(self, squares: torch.Tensor) -> torch.Tensor:
        """(B,) whether the `squares` (B, 4) float32, in pixels of the searched frames, belong to one of the faces."""
        centers, sides = (torch.from_numpy(each.astype(np.float32)) for each in _measure(self.boxes))
        size = (squares[:, 2:] - squares[:, :2] + 1).amax(dim=1)
        apart = ((squares[:, None, :2] + squares[:, None, 2:]) / 2 - centers) / sides[:, None]
        low, high = torch.tensor([LEFT, ABOVE]) - MOVED, torch.tensor([RIGHT, BELOW]) + MOVED
        relative = (size[:, None] / sides).log()
        fits = (relative >= SMALLER - GROWN) & (relative <= LARGER + GROWN)
        return (fits & ((apart >= low) & (apart <= high)).all(dim=2)).any(dim=1)

    def _select_faces(self, scale: float) -> NDArray[np.bool_]:
        size = np.log(CELL / scale / _measure(self.boxes)[1])
        return np.asarray((size >= SMALLER - GROWN) & (size <= LARGER + GROWN), np.bool_)


def is_near(box: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(K,) whether `box` (4,) is so near to the `known` boxes (K, 4), and of their size, that their focus covers it."""
    centers, sides = _measure(np.concatenate([box[None], known]))
    near = np.abs(centers[1:] - centers[0]).max(axis=1) <= MOVED * sides[1:]
    return np.asarray(near & (np.abs(np.log(sides[0] / sides[1:])) <= GROWN), np.bool_)


def _measure(boxes: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centers (K, 2) and longer sides (K,)."""
    corners = boxes.astype(np.float64).reshape(-1, 2, 2)
    return corners.mean(axis=1), np.maximum(corners[:, 1] - corners[:, 0], 1.0).max(axis=1)


def _select_pixels(low: float, high: float, limit: int) -> slice | None:
    """Pixels of the squares whose centers lie from `low` to `high`, and of `NEIGHBORS` on both sides."""
    # Square k lies from pixel STRIDE * k, and is CELL wide.
    first = STRIDE * max(0, int(np.floor((low - CELL / 2) / STRIDE)) - NEIGHBORS)
    last = STRIDE * (int(np.ceil((high - CELL / 2) / STRIDE)) + NEIGHBORS) + CELL
    if min(last, limit) - first < CELL:
        return None
    length = -(-(last - first) // EVEN) * EVEN
    # The last squares of a level of odd size hang over its end, so a region that comes near it goes to the end.
    if first + length > limit - CELL:
        return slice(max(0, min(first, (limit - length) // STRIDE * STRIDE)), limit)
    return slice(first, first + length)
