"""Draws a face: a lit height map of the skin with hair, brows, eyes that blink and a mouth that opens.

Layers are float32 (H, W, 4): red, green, blue, premultiplied by the last channel, alpha; all 0..1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unmask.demo.identities import Color, Person, make_rng

Field = NDArray[np.floating[Any]]
"""float32 (H, W) masks and heights, or (H, W, 3 or 4) images."""

# Borders of a layer in head units, with room for the hair.
LEFT, TOP, RIGHT, BOTTOM = -1.1, -1.3, 1.1, 1.5
EYE_WIDTH, EYE_HEIGHT, BROW_LIFT, LIP_HEIGHT = 0.15, 0.07, 0.185, 0.062


def edge(distance: Field, softness: float) -> Field:
    """1 inside (distance > 0), 0 outside, a linear ramp of width `softness` (same unit) around the border."""
    return np.asarray(np.clip(0.5 + distance / softness, 0.0, 1.0))


def ramp(value: Field, low: float, high: float) -> Field:
    """0 up to `low`, 1 from `high`, smooth between."""
    t: Field = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def gauss(value: Field) -> Field:
    """1 at 0, falling to either side."""
    return np.asarray(np.exp(-(value * value)))


def cover(image: Field, color: Color | Field, alpha: Field) -> None:
    """Lay `color`, (3,) or (H, W, 3), with this coverage over the image (H, W, 3 or 4), in place."""
    share = alpha[..., None]
    image *= 1.0 - share
    image[..., :3] += share * np.asarray(color, np.float32)
    image[..., 3:] += share


def make_noise(rng: np.random.Generator, shape: tuple[int, int], pixels: float) -> Field:
    """Noise of mean 0 and deviation about 1 with spots of about `pixels` pixels."""
    # Drawn coarse and enlarged: a wide blur of fine noise is slow.
    step = max(1.0, pixels / 1.5)
    coarse = rng.standard_normal((round(shape[0] / step) + 3, round(shape[1] / step) + 3), dtype=np.float32)
    fine = np.asarray(Image.fromarray(coarse).resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
    return np.asarray(fine / fine.std(), np.float32)


Light = tuple[float, float]
"""Direction towards the lamp: x from -1 (left) to 1, y from -1 (above) to 0 (the camera)."""


class Face:
    """The head of `who` in `light`, at `scale` pixels per head unit. `x` is (1, W) and `y` (H, 1), in head units."""

    def __init__(self, who: Person, light: Light, scale: float) -> None:
        self.who, self.light, self.scale = who, light, scale
        self.x = np.arange(LEFT, RIGHT, 1 / scale, dtype=np.float32)[None]
        self.y = np.arange(TOP, BOTTOM, 1 / scale, dtype=np.float32)[:, None]
        self._still = self._draw_still()

    def draw(self, mouth: float, lids: float) -> Field:
        """Layer with the mouth opened from 0 (closed) to 1 (wide) and the lids from 0 (shut) to 1 (open)."""
        layer = self._still.copy()
        who = self.who
        borders = [who.eye_y - 0.25, who.eye_y + 0.25, who.mouth_y - 0.2, who.mouth_y + 0.45]
        first, last, top, bottom = (int(row) for row in np.searchsorted(self.y[:, 0], borders))
        self._draw_eyes(layer[first:last], self.y[first:last], lids)
        self._draw_mouth(layer[top:bottom], self.y[top:bottom], mouth)
        return layer

    def _draw_still(self) -> Field:
        """Everything but the eyes and the mouth."""
        who, x, y, rng = self.who, self.x, self.y, make_rng(self.who.texture, "head")
        shape, pixel = (len(y), x.shape[1]), 2 / self.scale
        layer = np.zeros((*shape, 4), np.float32)
        wide = who.width * (1.0 - 0.18 * ramp(y, 0.05, 1.0))
        radius = (np.abs(x / wide) ** 2.25 + np.abs(y / 1.02) ** 2.25) ** (1 / 2.25)
        shade = self._shade(radius)[..., None]
        hair = np.asarray(who.hair) * (1 + 0.2 * rng.standard_normal((1, x.shape[1], 1), np.float32))
        crown = 1 - np.sqrt((x / (1.12 * who.width)) ** 2 + ((y + 0.06) / 1.15) ** 2)
        locks = np.where(y < -0.06, crown, 1.12 * who.width - np.abs(x))
        cover(layer, 0.6 * hair, edge(locks, 2 * pixel) * (1 - ramp(y, who.hair_length - 0.1, who.hair_length + 0.1)))
        ears = 1 - np.sqrt(((np.abs(x) - who.width) / 0.1) ** 2 + ((y - 0.03) / 0.24) ** 2)
        cover(layer, np.asarray(who.skin) * 0.8, edge(ears, 0.2))
        cover(layer, np.minimum(self._paint_skin(rng, shape) * shade, 1.0), edge((1 - radius) * who.width, pixel))
        border = who.hairline + 0.52 * np.abs(x / who.width) ** 2.6
        cover(layer, hair * np.clip(shade, 0.5, 1.2), edge(crown, 2 * pixel) * edge(border - y, 3 * pixel))
        self._draw_brows_and_nose(layer)
        return layer

    def _shade(self, radius: Field) -> Field:
        """Brightness (H, W) of the lit surface, an egg with sockets, nose, lips and chin."""
        who, x, y = self.who, np.abs(self.x), self.y
        height = 0.78 * np.sqrt(np.maximum(1.0 - radius * radius, 0.0))
        nose = ramp(y, who.eye_y - 0.12, who.nose_tip) - ramp(y, who.nose_tip, who.nose_tip + 0.11)
        height += 0.22 * nose * gauss(x / (who.nose_width * 0.62))
        for at_x, at_y, wide, high, rise in (
            (who.eye_x, who.eye_y, 0.20, 0.12, -0.085),
            (who.eye_x, who.eye_y - 0.9 * BROW_LIFT, 0.24, 0.07, 0.045),
            (0.44, 0.16, 0.20, 0.16, 0.060),
            (0.82 * who.nose_width, who.nose_tip + 0.02, 0.055, 0.055, 0.060),
            (0.0, who.nose_tip, who.nose_width * 0.62, 0.07, 0.09),
            (0.0, who.mouth_y, who.mouth_width * 0.95, 0.12, 0.055),
            (0.0, 0.84, 0.20, 0.12, 0.075),
        ):
            height += rise * gauss((x - at_x) / wide) * gauss((y - at_y) / high)
        # The slope is limited, so that the outline is dark but not black.
        down, right = (np.clip(slope * self.scale, -2.2, 2.2) for slope in np.gradient(height))
        lx, ly = self.light
        facing = (1.0 - lx * right - ly * down) / np.sqrt((1.0 + right**2 + down**2) * (1.0 + lx**2 + ly**2))
        return np.asarray(0.74 * np.maximum((facing + 0.25) / 1.25, 0.0) + 0.37, np.float32)

    def _paint_skin(self, rng: np.random.Generator, shape: tuple[int, int]) -> Field:
        """Color (H, W, 3) of the skin without light: spots and red cheeks."""
        tone = 1.0 + 0.02 * make_noise(rng, shape, self.scale * 0.16) + 0.022 * make_noise(rng, shape, 1)
        red = 0.3 * gauss((np.abs(self.x) - 0.42) / 0.24) * gauss((self.y - 0.22) / 0.2)
        tint = tone[..., None] + red[..., None] * np.array((0.05, -0.16, -0.14))
        return np.asarray(tint * self.who.skin, np.float32)

    def _draw_brows_and_nose(self, layer: Field) -> None:
        who, x, y = self.who, np.abs(self.x), self.y
        along = (x - 0.10) / (who.eye_x + EYE_WIDTH * 1.25 - 0.10)
        centre = who.eye_y - BROW_LIFT - 0.045 * np.sin(np.clip(along, 0, 1) * np.pi)
        brow = gauss((y - centre) / (0.035 * (1.15 - 0.75 * np.clip(along, 0, 1))))
        cover(layer, 0.75 * np.asarray(who.hair), 0.85 * brow * (ramp(along, 0.0, 0.12) - ramp(along, 0.85, 1.0)))
        nostrils = gauss((x - who.nose_width * 0.48) / (who.nose_width * 0.3)) * gauss(
            (y - who.nose_tip - 0.065) / 0.024
        )
        cover(layer, 0.22 * np.asarray(who.skin), 0.75 * nostrils)

    def _draw_eyes(self, layer: Field, y: Field, lids: float) -> None:
        who, pixel = self.who, 1.4 / self.scale
        x = (np.abs(self.x) - who.eye_x) / EYE_WIDTH
        y = y - who.eye_y
        arc = np.maximum(1 - x * x, 0) ** 0.75
        lower = 0.62 * EYE_HEIGHT * arc
        upper = lower - 1.62 * lids * EYE_HEIGHT * arc
        radius = np.sqrt(x * x + ((y + 0.1 * EYE_HEIGHT) / EYE_WIDTH) ** 2)
        white = np.array((0.88, 0.86, 0.84), np.float32) * (1 - 0.25 * np.minimum(x * x, 1))[..., None]
        ball = np.broadcast_to(white, (*radius.shape, 3)).copy()
        cover(ball, who.iris, 1 - ramp(radius, 0.42, 0.50))
        cover(ball, (0.02, 0.02, 0.02), 1 - ramp(radius, 0.15, 0.23))
        cover(ball, (1.0, 1.0, 1.0), 0.9 * gauss((x + 0.14) / 0.09) * gauss((y / EYE_WIDTH + 0.16) / 0.09))
        shadow = 1 - 0.45 * np.exp(-np.maximum(y - upper, 0) / (0.45 * EYE_HEIGHT))
        opened = np.minimum(edge(y - upper, pixel), edge(lower - y, pixel)) * (np.abs(x) < 1)
        cover(layer, ball * shadow[..., None], opened)
        dark, along = np.asarray(who.skin) * 0.16, np.maximum(1.12 - x * x, 0)
        cover(layer, dark, 0.92 * gauss((y - upper) / 0.017) * np.sqrt(along))
        cover(layer, 1.8 * dark, 0.40 * gauss((y - lower) / 0.012) * np.minimum(along, 1))

    def _draw_mouth(self, layer: Field, y: Field, opening: float) -> None:
        who, pixel = self.who, 1.6 / self.scale
        x = self.x / (who.mouth_width * (1.0 - 0.12 * opening))
        y = y - who.mouth_y + 0.02 * (x * x - 0.5)
        arc = np.maximum(1 - x * x, 0)
        top, bottom = -0.022 * opening * arc, 0.24 * opening * arc**0.7
        above = top - LIP_HEIGHT * 0.92 * arc**0.8 * (1 - 0.22 * gauss(x / 0.16))
        below = bottom + LIP_HEIGHT * 1.18 * arc**0.7
        lips = np.minimum(edge(y - above, 2 * pixel), edge(below - y, 2 * pixel)) * (arc > 0)
        lit = 0.80 + 0.30 * ramp(y - bottom, 0.0, LIP_HEIGHT)
        cover(layer, np.asarray(who.lips, np.float32) * lit[..., None], 0.88 * lips)
        gap = np.minimum(edge(y - top, pixel), edge(bottom - y, pixel)) * (arc > 0)
        cover(layer, (0.20, 0.06, 0.06), gap)
        teeth = gap * (1 - ramp(y - top, 0.045, 0.065)) * min(1.0, 3 * opening)
        cover(layer, (0.80, 0.78, 0.72), teeth)
        cover(layer, np.asarray(who.lips) * 0.28, 0.85 * gauss((y - top) / 0.013) * np.minimum(arc * 4, 1.0))
