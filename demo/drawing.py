"""Soft-edged drawing on float pictures: a grid in head units, masks, smooth noise.

Pictures are float32 (H, W, 4), red, green, blue premultiplied by the last channel, alpha; all 0..1. H, W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unmask.demo.identities import Color

Field = NDArray[np.floating[Any]]
"""float32 (H, W) masks and heights, or (H, W, 3 or 4) pictures. (Typed wider: the stubs of NumPy take a Python
float for a float64, which at run time it is not.)"""


@dataclass(frozen=True, slots=True)
class Grid:
    """Where each pixel lies, in head units: `x` is (1, W) and `y` (H, 1), so what depends on one alone stays cheap."""

    x: Field
    y: Field
    scale: float
    """Pixels per unit."""

    @property
    def shape(self) -> tuple[int, int]:
        return self.y.shape[0], self.x.shape[1]

    def part(self, left: float, top: float, right: float, bottom: float) -> tuple[tuple[slice, slice], Grid]:
        """The pixels within these bounds: their place in the picture, and their own grid."""
        rows = slice(*(int(row) for row in np.searchsorted(self.y[:, 0], [top, bottom])))
        columns = slice(*(int(column) for column in np.searchsorted(self.x[0], [left, right])))
        return (rows, columns), Grid(self.x[:, columns], self.y[rows], self.scale)


def grid(left: float, top: float, right: float, bottom: float, scale: float) -> Grid:
    xs = np.arange(left, right, 1 / scale, dtype=np.float32)
    ys = np.arange(top, bottom, 1 / scale, dtype=np.float32)
    return Grid(xs[None], ys[:, None], scale)


def edge(distance: Field, softness: float) -> Field:
    """1 inside (distance > 0), 0 outside, a smooth ramp of width `softness` (same unit) around the border."""
    covered: Field = np.minimum(np.maximum(0.5 + distance / softness, 0.0), 1.0)
    return covered


def ramp(value: Field, low: float, high: float) -> Field:
    """0 up to `low`, 1 from `high`, smooth between."""
    t: Field = np.minimum(np.maximum((value - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


def gauss(value: Field) -> Field:
    """1 at 0, falling to either side."""
    hill: Field = np.exp(-(value * value))
    return hill


def bump(at: Grid, x: float, y: float, wide: float, high: float) -> Field:
    """A Gaussian hill of height 1."""
    return gauss((at.x - x) / wide) * gauss((at.y - y) / high)


def rgb(color: Color) -> Field:
    """A color as (3,)."""
    return np.array(color, dtype=np.float32)


def over(picture: Field, color: Field, alpha: Field) -> None:
    """Lay `color` (3,) or (H, W, 3) with this coverage over the picture (H, W, 3 or 4), in place."""
    cover = alpha[..., None]
    picture[..., :3] += cover * (color - picture[..., :3])
    picture[..., 3:] += cover * (1.0 - picture[..., 3:])


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], pixels: float) -> Field:
    """Noise of mean 0 and deviation 1 whose spots are about `pixels` wide."""
    if pixels < 2:
        return rng.standard_normal(shape, dtype=np.float32)
    # Drawn coarse and enlarged: a wide blur of fine noise is slow.
    step = pixels / 1.5
    coarse = rng.standard_normal((round(shape[0] / step) + 3, round(shape[1] / step) + 3), dtype=np.float32)
    picture = Image.fromarray(coarse).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    fine = np.asarray(picture, dtype=np.float32)
    noise: Field = (fine - fine.mean()) / (fine.std() + 1e-6)
    return noise
