"""Frames at all the scales at which MTCNN's first network searches them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from unmask.preprocess.faces.types import Pyramid

# Pixels per side of the squares that the first network classifies.
CELL = 12
# From one scale to the next, as MTCNN was trained.
SHRINK = 0.709


def build_pyramid(
    frames: NDArray[np.uint8], smallest: float, has_scale: Callable[[float], bool] = lambda _: True
) -> Pyramid:
    """`frames` (F, H, W, 3) and their pyramid for faces of at least `smallest` pixels.

    Levels whose scale is not wanted (`has_scale`) are empty.
    """
    height, width = frames.shape[1:3]
    scales = compute_scales(height, width, smallest)
    sizes = [(int(height * scale + 1), int(width * scale + 1)) for scale in scales]
    wanted = [has_scale(scale) for scale in scales]
    empty = frames[:, :0, :0]
    return [frames, *(reduce_frames(frames, size) if want else empty for size, want in zip(sizes, wanted, strict=True))]


def compute_scales(height: int, width: int, smallest: float) -> list[float]:
    """Scale of each level of the pyramid, largest first."""
    scales = [CELL / smallest]
    while min(height, width) * scales[-1] * SHRINK >= CELL:
        scales.append(scales[-1] * SHRINK)
    return scales


def reduce_frames(frames: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(F, H, W, 3) -> (F, *size, 3), antialiased; four times faster than Pillow.

    Averages integers: a difference of one gray level was seen to move boxes by several pixels.
    """
    pixels = torch.from_numpy(np.require(frames, requirements=["C", "W"])).permute(0, 3, 1, 2)
    small = F.interpolate(pixels, size=size, mode="bilinear", antialias=True)
    return np.asarray(small.permute(0, 2, 3, 1).contiguous().numpy(), np.uint8)
