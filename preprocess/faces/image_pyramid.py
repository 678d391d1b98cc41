"""Frames in all the sizes at which MTCNN's first network looks at them.

Made by whoever decodes the frames, also when a GPU does the rest: it takes a core a third of a millisecond a frame, for
which a GPU would wait, and whole numbers averaged on a CPU are the very same pixels for every device. A grey level more
or less moved boxes by pixels.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from unmask.preprocess.faces.detector import Views

# The first network looks at squares of so many pixels.
CELL = 12
# From one size to the next, as MTCNN was trained.
SHRINK = 0.709


def views_of(frames: NDArray[np.uint8], smallest: float) -> Views:
    """`frames` (F, H, W, 3) and their pyramid for faces of at least `smallest` pixels."""
    height, width = frames.shape[1:3]
    sizes = [(int(height * scale + 1), int(width * scale + 1)) for scale in scales_of(height, width, smallest)]
    return [frames, *(reduced(frames, size) for size in sizes)]


def scales_of(height: int, width: int, smallest: float) -> list[float]:
    """Of each size of the pyramid, the largest first."""
    scales = [CELL / smallest]
    while min(height, width) * scales[-1] * SHRINK >= CELL:
        scales.append(scales[-1] * SHRINK)
    return scales


def reduced(frames: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(F, H, W, 3) -> (F, *size, 3), averaged over all pixels so that nothing aliases.

    Four times faster than Pillow.
    """
    pixels = torch.from_numpy(np.require(frames, requirements=["C", "W"])).permute(0, 3, 1, 2)
    small = F.interpolate(pixels, size=size, mode="bilinear", antialias=True)
    return np.asarray(small.permute(0, 2, 3, 1).contiguous().numpy(), np.uint8)
