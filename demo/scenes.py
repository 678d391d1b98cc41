"""Where a recording is made: a place, a lamp, how the head is held, and what hides the end of the neck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from unmask.demo.drawing import Field, edge, gauss, over, ramp, rgb, smooth_noise
from unmask.demo.head import Head, Light, lamp
from unmask.demo.identities import Person, make_rng

Frame = NDArray[np.uint8]
"""uint8 (H, W, 3), red, green, blue."""


@dataclass(frozen=True, slots=True)
class Pose:
    yaw: float
    """Head units the nose moves sideways."""
    pitch: float
    roll: float
    """Radians."""
    x: float
    y: float
    """Head units."""
    size: float


class Scene:
    """Everything about a recording but who is in it. The same keys give the same place, lamp and motion.

    `width` and `height` are pixels; `zoom` above 1 frames the head closer.
    """

    def __init__(self, seed: int, *keys: object, width: int, height: int, zoom: float = 1.0) -> None:
        rng = make_rng(seed, "scene", *keys)
        self.width, self.height = width, height
        self.light: Light = lamp(rng)
        self.scale = height * zoom * rng.uniform(0.225, 0.285)
        self.centre = (width * rng.uniform(0.42, 0.58), height * rng.uniform(0.45, 0.52))
        self._waves = _waves(rng)
        self._blinks = np.cumsum(rng.uniform(0.9, 3.4, 40)) - rng.uniform(0, 1.5)
        self.grain = rng.uniform(0.8, 2.6)
        self.background: Image.Image = _place(rng, width, height, self.light)

    def head(self, who: Person) -> Head:
        return Head(who, self.light, self.scale)

    def pose(self, t: float) -> Pose:
        """How the head is held `t` seconds into the recording."""
        turn = [float(np.sum(part[0] * np.sin(2 * np.pi * part[1] * t + part[2]))) for part in self._waves]
        return Pose(turn[0], turn[1], turn[2], turn[3], turn[4], 1.0 + turn[5])

    def lids(self, t: float) -> float:
        """0 shut .. 1 open: a blink takes about 0.25 s."""
        near = float(np.min(np.abs(self._blinks - t)))
        return min(1.0, max(0.0, (near - 0.03) / 0.10))


def _waves(rng: np.random.Generator) -> list[Field]:
    """Amplitudes, Hz and phases of three slow waves for each of yaw, pitch, roll, x, y, size."""
    waves = []
    for reach in (0.11, 0.06, 0.085, 0.05, 0.03, 0.02):
        amplitude = reach * rng.uniform(0.15, 0.65, 3)
        waves.append(np.stack([amplitude, rng.uniform(0.08, 0.75, 3), rng.uniform(0, 2 * np.pi, 3)]).astype(np.float32))
    return waves


def _place(rng: np.random.Generator, width: int, height: int, light: Light) -> Image.Image:
    """An out-of-focus room: a wall in uneven light, a few things before it."""
    # Drawn at half the size, since it is out of focus anyway.
    small = (-(-height // 2), -(-width // 2))
    y, x = (axis.astype(np.float32) / small[0] for axis in np.ogrid[0 : small[0], 0 : small[1]])
    turn = rng.uniform(0, 2 * np.pi)
    blend = ramp(float(np.cos(turn)) * x + float(np.sin(turn)) * y, -0.9, 1.4)[..., None]
    dark, bright = _paint(rng, 0.08, 0.45), _paint(rng, 0.40, 0.90)
    room = (dark + (bright - dark) * blend).astype(np.float32)
    picture = np.concatenate([room, np.ones((*small, 1), np.float32)], axis=-1)
    for _ in range(rng.integers(4, 10)):
        over(picture, _paint(rng, 0.05, 0.95), rng.uniform(0.4, 0.95) * _thing(rng, x, y))
    blurred = ndimage.gaussian_filter(picture[..., :3], (rng.uniform(0.6, 2.5),) * 2 + (0,), truncate=2.0)
    tone = 0.65 + 0.5 * light.ambient + 0.03 * smooth_noise(rng, small, 12)[..., None]
    pixels = Image.fromarray(np.rint(np.clip(blurred * tone, 0, 1) * 255).astype(np.uint8))
    return pixels.resize((width, height), Image.Resampling.BICUBIC)


def _paint(rng: np.random.Generator, low: float, high: float) -> Field:
    """A muted color, as on walls and furniture."""
    return (rng.uniform(low, high) * (1 + 0.45 * rng.uniform(-1, 1, 3))).clip(0.02, 0.97).astype(np.float32)


def _thing(rng: np.random.Generator, x: Field, y: Field) -> Field:
    """The outline of a picture frame, a shelf, a lamp: an upright box or an ellipse."""
    across, down = rng.uniform(0, x.max()), rng.uniform(0, 1)
    wide, high = rng.uniform(0.05, 0.35, 2)
    if rng.random() < 0.6:
        inside = np.minimum(wide - np.abs(x - across), high - np.abs(y - down))
    else:
        inside = (1 - np.sqrt(((x - across) / wide) ** 2 + ((y - down) / high) ** 2)) * min(wide, high)
    return edge(inside, 0.02)


def body(scene: Scene, who: Person) -> tuple[int, Image.Image]:
    """First row and picture (RGBA) of shoulders in their clothes."""
    top = min(scene.height - 1, round(scene.centre[1] + 1.02 * scene.scale))
    rows, columns = np.ogrid[top : scene.height, 0 : scene.width]
    x = ((columns - scene.centre[0]) / scene.scale).astype(np.float32)
    y = ((rows - scene.centre[1]) / scene.scale).astype(np.float32)
    shape = (scene.height - top, scene.width)
    slope = 1.34 + 0.22 * np.abs(x) ** 1.6 + 0.9 * ramp(np.abs(x), 1.0, 1.75) ** 2
    neckline = np.sqrt((x / 0.46) ** 2 + ((y - 1.30) / 0.26) ** 2)
    folds = 0.05 * smooth_noise(make_rng(who.texture, "clothes"), shape, 26) + 0.10 * scene.light.x * x
    shade = scene.light.ambient + 0.55 * scene.light.strength + folds - 0.12 * np.abs(x)
    shade -= 0.18 * gauss((neckline - 1.08) / 0.05)
    cover = edge(y - slope, 3 / scene.scale) * edge(neckline - 1, 0.10)
    picture = np.concatenate([rgb(who.clothes) * shade[..., None], cover[..., None]], axis=-1)
    return top, Image.fromarray(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8))
