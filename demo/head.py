"""A drawn head: a lit, textured surface, with eyes that blink and a mouth that opens.

The surface is a height map (an egg with a nose, cheeks, brow and chin on it); its slopes give the shading.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unmask.demo.drawing import Field, Grid, bump, edge, gauss, grid, over, ramp, rgb, smooth_noise
from unmask.demo.facial_features import draw_brows, draw_eyes, draw_glasses, draw_mouth, hair_masks, hair_texture
from unmask.demo.identities import Color, Person, make_rng

# Head units around the middle of the face: room for hair at the top and the neck below.
LEFT, TOP, RIGHT, BOTTOM = -1.12, -1.38, 1.12, 1.75
# How far the chin sinks when the mouth is fully open.
JAW_DROP = 0.13
# Near the outline the slope is endless; limited, the edge stays dark but not black.
STEEPEST = 2.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """One lamp and its surroundings."""

    x: float
    y: float
    """Direction towards the lamp; (0, 0) is straight from the camera, -1 from the left or from above."""
    strength: float
    ambient: float
    color: Color

    @property
    def brightness(self) -> float:
        """Of what faces the camera."""
        return self.ambient + 0.8 * self.strength


def lamp(rng: np.random.Generator) -> Light:
    warmth = rng.uniform(-0.06, 0.08)
    return Light(
        x=rng.uniform(-0.75, 0.75),
        y=rng.uniform(-0.8, -0.1),
        strength=rng.uniform(0.62, 0.85),
        ambient=rng.uniform(0.30, 0.44),
        color=(1.0 + warmth, 1.0, 1.0 - warmth),
    )


class Head:
    """Somebody's head under one light, `scale` pixels a head unit."""

    flickers = 1

    def __init__(self, who: Person, light: Light, scale: float) -> None:
        self.who, self.light = who, light
        self.grid = grid(LEFT, TOP, RIGHT, BOTTOM, scale)
        self._rng = make_rng(who.texture, "head")
        self._radius = _radius(who, self.grid)
        self._slopes = _slopes(_height(who, self.grid, self._radius), scale)
        self._shade = _shade(self._slopes, light)
        self._still = self._draw_still()

    def layer(self, mouth: float, lids: float, flicker: int = 0) -> Field:
        """float32 (H, W, 4) premultiplied; `mouth` 0 closed .. 1 wide open, `lids` 0 shut .. 1 open.

        `flicker` is for forged heads (forgeries.py); a head of flesh does not flicker.
        """
        picture = _drop_jaw(self._still, self.grid, self.who.mouth_y, JAW_DROP * mouth)
        draw_mouth(picture, self.grid, self.who, mouth, self.light.brightness)
        draw_eyes(picture, self.grid, self.who, lids, self.light.brightness)
        if self.who.glasses:
            draw_glasses(picture, self.grid, self.who)
        return picture

    def _draw_still(self) -> Field:
        """Everything but the eyes and the mouth."""
        who, at = self.who, self.grid
        picture = np.zeros((*at.shape, 4), dtype=np.float32)
        behind, front = hair_masks(who, at)
        strands = hair_texture(who, at, self._rng) * (0.55 + 0.55 * self._shade[..., 1:2])
        over(picture, strands * 0.72, behind)
        skin = np.minimum(self._skin() * self._shade + self._gloss(), 1.0)
        over(picture, rgb(who.skin) * self._neck_shade(), _neck(who, at))
        over(picture, rgb(who.skin) * (0.84 * self.light.brightness), _ears(who, at))
        over(picture, skin, edge((1.0 - self._radius) * who.width, 2.2 / at.scale))
        draw_brows(picture, at, who, self._rng)
        over(picture, strands, front)
        return picture

    def _neck_shade(self) -> Field:
        """A lit column with the head's shadow on it."""
        at = self.grid
        column = 0.5 * np.sqrt(np.maximum(1 - (at.x / (self.who.width * 0.75)) ** 2, 0.02))
        round_shade = _shade(_slopes(np.repeat(column, 2, axis=0), at.scale), self.light)[:1]
        shadow: Field = 0.85 - 0.49 * bump(at, -0.25 * self.light.x, 1.02, 0.75, 0.34)
        return shadow[..., None] * round_shade

    def _skin(self) -> Field:
        """Color of the skin without light: (H, W, 3)."""
        who, at = self.who, self.grid
        red = 0.30 * gauss((np.abs(at.x) - 0.42) / 0.24) * gauss((at.y - 0.22) / 0.2)
        red = red + 0.35 * bump(at, 0, who.nose_tip, who.nose_width * 1.2, 0.13)
        tired = gauss((np.abs(at.x) - who.eye_x) / 0.16) * gauss((at.y - who.eye_y - 0.12) / 0.06)
        tone = 1.0 - 0.10 * tired - self._folds()
        tone += 0.020 * smooth_noise(self._rng, at.shape, at.scale * 0.16)
        tone += 0.022 * smooth_noise(self._rng, at.shape, 1.0)
        if who.freckles:
            tone -= 0.22 * who.freckles * _spots(self._rng, at)
        color = rgb(who.skin) * tone[..., None]
        color *= 1.0 + red[..., None] * rgb((0.05, -0.16, -0.14))
        if who.beard:
            hairs = 0.62 + 0.14 * smooth_noise(self._rng, at.shape, 1.0)
            over(color, rgb(who.hair) * 1.15, np.clip(who.beard * _beard(who, at, self._radius) * hairs, 0.0, 0.9))
        return color

    def _folds(self) -> Field:
        """Darker lines from the nose to the mouth's corners, and over the brow with age."""
        who, at = self.who, self.grid
        down = ramp(at.y, who.nose_tip, who.mouth_y)
        reach = who.nose_width + 0.06 + (who.mouth_width - who.nose_width) * down
        ends = ramp(at.y, who.nose_tip - 0.02, who.nose_tip + 0.1) - ramp(at.y, who.mouth_y - 0.08, who.mouth_y + 0.04)
        sides = gauss((np.abs(at.x) - reach) / 0.028) * np.maximum(ends, 0.0)
        lines = gauss((at.y + 0.42) / 0.012) + gauss((at.y + 0.52) / 0.012)
        folds: Field = (0.05 + 0.13 * who.age) * sides + 0.07 * who.age * lines * bump(at, 0, -0.45, 0.34, 0.3)
        return folds

    def _gloss(self) -> Field:
        """What the skin reflects of the lamp, (H, W, 1): mostly on the nose, the cheeks and the forehead."""
        x, y, z = _direction(self.light)
        shine = _facing(self._slopes, _unit(x, y, z + 1.0))
        gloss: Field = 0.15 * self.light.strength * np.maximum(shine, 0.0) ** 26
        return gloss[..., None]


def _radius(who: Person, at: Grid) -> Field:
    """0 in the middle of the face, 1 on its outline."""
    wide = who.width * (1.0 - who.jaw * ramp(at.y, 0.05, 1.0) + 0.03 * ramp(at.y, -0.1, -0.7))
    radius: Field = (np.abs(at.x / wide) ** 2.25 + np.abs(at.y / 1.02) ** 2.25) ** (1 / 2.25)
    return radius


def _height(who: Person, at: Grid, radius: Field) -> Field:
    """How far the surface stands out towards the camera, in head units."""
    height: Field = 0.78 * np.sqrt(np.maximum(1.0 - radius * radius, 0.0))
    side = np.abs(at.x)
    for x, y, wide, high, rise in (
        (who.eye_x, who.eye_y, 0.20, 0.12, -0.085),
        (who.eye_x, who.eye_y - 0.9 * who.brow_lift, 0.24, 0.07, 0.045),
        (0.44, 0.16, 0.20, 0.16, 0.060),
        (0.82 * who.nose_width, who.nose_tip + 0.02, 0.055, 0.055, 0.060),
        (who.mouth_width + 0.07, who.mouth_y, 0.07, 0.10, -0.030),
    ):
        height += gauss((side - x) / wide) * (rise * gauss((at.y - y) / high))
    ridge = ramp(at.y, who.eye_y - 0.12, who.nose_tip) - ramp(at.y, who.nose_tip, who.nose_tip + 0.11)
    height += 0.20 * ridge * gauss(at.x / (who.nose_width * 0.62))
    height += 0.09 * bump(at, 0, who.nose_tip, who.nose_width * 0.62, 0.07)
    height += 0.055 * bump(at, 0, who.mouth_y, who.mouth_width * 0.95, 0.12)
    height -= 0.030 * bump(at, 0, who.mouth_y + 0.16, 0.20, 0.045)
    height += 0.075 * bump(at, 0, 0.84, 0.20, 0.12)
    return height


Slopes = tuple[Field, Field, Field]
"""How the height changes to the right and downwards, and the length of the vector (right, down, 1)."""


def _slopes(height: Field, scale: float) -> Slopes:
    down, right = (np.asarray(slope) * np.float32(scale) for slope in np.gradient(height))
    down, right = np.clip(down, -STEEPEST, STEEPEST), np.clip(right, -STEEPEST, STEEPEST)
    return right, down, np.sqrt(1.0 + right * right + down * down)


def _facing(slopes: Slopes, towards: Color) -> Field:
    """Cosine between the surface and a direction."""
    right, down, length = slopes
    x, y, z = towards
    facing: Field = (z - x * right - y * down) / length
    return facing


def _direction(light: Light) -> tuple[float, float, float]:
    return _unit(light.x, light.y, 1.0)


def _unit(x: float, y: float, z: float) -> tuple[float, float, float]:
    length = (x * x + y * y + z * z) ** 0.5
    return x / length, y / length, z / length


def _shade(slopes: Slopes, light: Light) -> Field:
    """Factor (H, W, 3) on the surface's color; shadows are a little warmer, as on skin."""
    lit = np.maximum((_facing(slopes, _direction(light)) + 0.25) / 1.25, 0.0)
    shade: Field = lit[..., None] * (light.strength * rgb(light.color)) + light.ambient * rgb((1.06, 0.98, 0.96))
    return shade


def _neck(who: Person, at: Grid) -> Field:
    half = who.width * 0.55 + 0.16 * ramp(at.y, 1.1, 1.9)
    return edge(half - np.abs(at.x), 3 / at.scale) * ramp(at.y, 0.4, 0.5)


def _ears(who: Person, at: Grid) -> Field:
    x = (np.abs(at.x) - who.width * 0.985) / 0.105
    return edge(1 - np.sqrt(x * x + ((at.y - 0.03) / 0.24) ** 2), 0.2)


def _beard(who: Person, at: Grid, radius: Field) -> Field:
    """Where a beard grows: jaw, chin and upper lip."""
    jaw = ramp(radius, 0.58, 0.86) * ramp(at.y, 0.12, 0.42)
    chin = bump(at, 0, 0.86, 0.34, 0.17)
    moustache = bump(at, 0, who.mouth_y - 0.11, who.mouth_width * 1.05, 0.05)
    beard: Field = np.minimum(jaw + chin + 0.9 * moustache, 1.0)
    return beard


def _spots(rng: np.random.Generator, at: Grid) -> Field:
    """Freckles over the nose and the cheeks."""
    noise = smooth_noise(rng, at.shape, max(2.0, at.scale * 0.035))
    return ramp(noise, 1.1, 2.0) * bump(at, 0, 0.10, 0.6, 0.26)


def _drop_jaw(still: Field, at: Grid, mouth_y: float, drop: float) -> Field:
    """The layer with all below the mouth moved down: fully at the chin, not at all at the bottom of the neck."""
    moved = still.copy()
    if drop <= 0:
        return moved
    y = at.y[:, 0]
    first = int(np.searchsorted(y, mouth_y))
    source = np.interp(y[first:], [mouth_y, 1.02 + drop, BOTTOM], [mouth_y, 1.02, BOTTOM])
    rows = np.clip((source - y[0]) * at.scale, 0, len(y) - 1)
    upper = np.minimum(rows.astype(np.intp), len(y) - 2)
    weight = (rows - upper).astype(np.float32)[:, None, None]
    moved[first:] = still[upper] * (1 - weight) + still[upper + 1] * weight
    return moved
