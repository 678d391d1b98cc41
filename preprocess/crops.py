"""Square crops around a face, always of pixels that are there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Pillow widens its filters when it reduces, so nothing aliases: aliasing would imitate the up-sampling traces a
# detector looks for. Bicubic because the image encoders were trained on bicubic pictures.
FILTER = Image.Resampling.BICUBIC


def square_around(
    box: NDArray[np.float32], height: int, width: int, margin: float
) -> tuple[float, float, float, float]:
    """The square (x0, y0, x1, y1) around a face box: its side is the box's longer side times 1 + `margin`.

    A square that reaches over the frame's edge is moved inside, one larger than the frame is reduced to its short
    side: padding would be pixels no camera saw, and would mark faces at the edge.
    """
    x0, y0, x1, y1 = (float(value) for value in box)
    side = min(max(x1 - x0, y1 - y0) * (1 + margin), height, width)
    side = max(side, 1.0)
    left = min(max((x0 + x1 - side) / 2, 0.0), width - side)
    top = min(max((y0 + y1 - side) / 2, 0.0), height - side)
    return left, top, left + side, top + side


def crop_faces(frames: NDArray[np.uint8], boxes: NDArray[np.float32], *, margin: float, size: int) -> NDArray[np.uint8]:
    """(F, size, size, 3) uint8 crops of `frames` (F, H, W, 3) around `boxes` (F, 4)."""
    height, width = frames.shape[1:3]
    crops = [
        Image.fromarray(frame).resize((size, size), FILTER, box=square_around(box, height, width, margin))
        for frame, box in zip(frames, boxes, strict=True)
    ]
    return np.stack([np.asarray(crop) for crop in crops])
