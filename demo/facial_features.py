"""What a face is recognised by: eyes, brows, mouth, hair, glasses; each drawn onto a premultiplied layer, in place."""

from __future__ import annotations

import numpy as np

from unmask.demo.drawing import Field, Grid, edge, gauss, over, ramp, rgb
from unmask.demo.identities import Person


def draw_eyes(layer: Field, at: Grid, who: Person, lids: float, brightness: float) -> None:
    """`lids` 0 shut .. 1 open."""
    for side in (-1, 1):
        centre = side * who.eye_x
        wide, high = who.eye_width * 1.35, who.eye_height * 2.4
        where, near = at.part(centre - wide, who.eye_y - high, centre + wide, who.eye_y + high)
        _draw_eye(layer[where], near, who, side, lids, brightness)


def _draw_eye(patch: Field, at: Grid, who: Person, side: int, lids: float, brightness: float) -> None:
    x = (at.x - side * who.eye_x) / who.eye_width
    y = at.y - who.eye_y + 0.012 * side * x  # the outer corner sits a little higher
    arc = np.maximum(1 - x * x, 0) ** 0.75
    lower = 0.62 * who.eye_height * arc
    upper = lower - (1.62 * lids) * who.eye_height * arc
    pixel = 1.4 / at.scale
    opened = np.minimum(edge(y - upper, pixel), edge(lower - y, pixel)) * (np.abs(x) < 1)
    shaded = 1 - 0.45 * np.exp(-np.maximum(y - upper, 0) / (0.45 * who.eye_height))
    over(patch, _eyeball(x, y, who) * (min(1.05, brightness) * shaded[..., None]), opened)
    shadow = rgb(who.skin) * 0.16
    along = np.maximum(1.12 - x * x, 0)
    over(patch, shadow, 0.92 * gauss((y - upper) / 0.017) * np.sqrt(along))
    over(patch, shadow * 1.8, 0.40 * gauss((y - lower) / 0.012) * along)
    crease = upper - 0.42 * who.eye_height * (0.4 + 0.6 * arc)
    over(patch, shadow * 2.2, 0.38 * gauss((y - crease) / 0.014) * along)


def _eyeball(x: Field, y: Field, who: Person) -> Field:
    """White, iris, pupil and a reflection: (H, W, 3). x in half eye widths, y in head units."""
    down = (y + 0.10 * who.eye_height) / who.eye_width
    radius = np.sqrt(x * x + down * down)
    white = rgb((0.88, 0.86, 0.84)) * (1.0 - 0.25 * np.minimum(x * x, 1.0))[..., None]
    rays = 0.85 + 0.25 * np.sin(np.arctan2(down, x) * 17 + 4 * radius)
    iris = rgb(who.iris) * (rays * (1.25 - 0.9 * ramp(radius, 0.30, 0.46)))[..., None]
    ball = white + (iris - white) * (1 - ramp(radius, 0.42, 0.50))[..., None]
    ball = ball * ramp(radius, 0.15, 0.23)[..., None]
    spark = gauss((x + 0.14) / 0.09) * gauss((down + 0.16) / 0.09)
    eyeball: Field = np.minimum(ball + 0.9 * spark[..., None], 1.0)
    return eyeball


def draw_brows(layer: Field, at: Grid, who: Person, rng: np.random.Generator) -> None:
    for side in (-1, 1):
        inner, outer = sorted((side * 0.10, side * (who.eye_x + who.eye_width * 1.25)))
        middle = who.eye_y - who.brow_lift
        where, near = at.part(inner, middle - 0.16, outer, middle + 0.16)
        along = (np.abs(near.x) - 0.10) / (who.eye_x + who.eye_width * 1.25 - 0.10)
        centre = middle - who.brow_tilt * (along - 0.4) - 0.045 * np.sin(np.clip(along, 0, 1) * np.pi)
        thick = who.brow_thickness * (1.15 - 0.75 * along)
        hairs = 0.78 + 0.2 * rng.standard_normal(near.shape, dtype=np.float32)
        stroke = gauss((near.y - centre) / thick) * (ramp(along, 0.0, 0.12) - ramp(along, 0.85, 1.0))
        over(layer[where], rgb(who.hair) * 0.75, np.clip(stroke * hairs, 0, 1))


def draw_mouth(layer: Field, at: Grid, who: Person, opening: float, brightness: float) -> None:
    """`opening` 0 closed .. 1 wide open. Also the nostrils' shadow, which lies just above."""
    _draw_nostrils(layer, at, who)
    half = who.mouth_width * (1.0 - 0.12 * opening)
    where, near = at.part(-half, who.mouth_y - 0.22, half, who.mouth_y + 0.45)
    patch, pixel = layer[where], 1.6 / at.scale
    x = near.x / half
    y = near.y - who.mouth_y + who.smile * (x * x - 0.5)
    arc = np.maximum(1 - x * x, 0)
    bow = 1 - 0.22 * gauss(x / 0.16) + 0.10 * gauss((np.abs(x) - 0.30) / 0.16)
    top, bottom = -0.022 * opening * arc, 0.24 * opening * arc**0.7
    outer_top = top - who.lip_height * 0.92 * arc**0.8 * bow
    outer_bottom = bottom + who.lip_height * 1.18 * arc**0.7
    lips = np.minimum(edge(y - outer_top, 2 * pixel), edge(outer_bottom - y, 2 * pixel))
    color = rgb(who.lips) * brightness
    lit = 0.80 + 0.30 * ramp(y - bottom, 0.0, who.lip_height) - 0.10 * gauss((y - outer_bottom) / 0.02)
    over(patch, color * lit[..., None], 0.88 * lips)
    gap = np.minimum(edge(y - top, pixel), edge(bottom - y, pixel))
    over(patch, _inside_mouth(y, top, bottom, opening) * brightness, gap)
    over(patch, color * 0.28, 0.85 * gauss((y - top) / 0.013) * np.minimum(arc + 0.15, 1.0))


def _inside_mouth(y: Field, top: Field, bottom: Field, opening: float) -> Field:
    """Upper teeth, darkness, tongue: (H, W, 3)."""
    teeth = (1 - ramp(y - top, 0.045, 0.065)) * min(1.0, 3 * opening)
    tongue = 0.8 * (1 - ramp(bottom - y, 0.02, 0.07))
    dark = rgb((0.16, 0.05, 0.05)) + tongue[..., None] * rgb((0.36, 0.12, 0.12))
    inside: Field = dark + teeth[..., None] * (rgb((0.80, 0.78, 0.72)) - dark)
    return inside


def _draw_nostrils(layer: Field, at: Grid, who: Person) -> None:
    y = who.nose_tip + 0.065
    where, near = at.part(-0.2, y - 0.08, 0.2, y + 0.08)
    x = (np.abs(near.x) - who.nose_width * 0.48) / (who.nose_width * 0.30)
    over(layer[where], rgb(who.skin) * 0.22, 0.75 * gauss(x) * gauss((near.y - y) / 0.024))


def draw_glasses(layer: Field, at: Grid, who: Person) -> None:
    where, near = at.part(-who.width, who.eye_y - 0.25, who.width, who.eye_y + 0.25)
    x, y = np.abs(near.x), near.y - who.eye_y - 0.02
    ring = (((x - who.eye_x) / 0.235) ** 4 + (y / 0.165) ** 4) ** 0.25
    bridge = gauss((y + 0.05) / 0.018) * (x < who.eye_x - 0.22)
    temple = gauss((y + 0.06) / 0.02) * (x > who.eye_x + 0.22)
    over(layer[where], rgb((0.09, 0.08, 0.09)), np.minimum(0.9 * (gauss((ring - 1) / 0.075) + bridge + temple), 0.92))


def hair_masks(who: Person, at: Grid) -> tuple[Field, Field]:
    """Hair behind the head, and hair over the forehead and temples."""
    wide, high = who.width * who.hair_volume, 1.02 * who.hair_volume
    top = 1 - np.sqrt((at.x / wide) ** 2 + ((at.y + 0.06) / high) ** 2)
    curtain = np.minimum(wide * (1 + 0.10 * ramp(at.y, 0.0, 1.2)) - np.abs(at.x), at.y + 0.06)
    outline = np.where(at.y < -0.06, top, curtain)
    ends = who.hair_length + 0.08 * np.cos(at.x * 9)
    cut = np.where(at.y > 0, ramp(at.y - ends, -0.12, 0.06), np.float32(0))
    border = who.hairline + 0.52 * np.abs(at.x / who.width) ** 2.6 + 0.02 * np.sin(at.x * 23)
    front = edge(top, 4 / at.scale) * edge(border - at.y, 7 / at.scale)
    return edge(outline, 4 / at.scale) * (1 - cut), front


def hair_texture(who: Person, at: Grid, rng: np.random.Generator) -> Field:
    """Strands that run down from the crown: (H, W, 3)."""
    # The slope of a line from a point above the crown tells the strand.
    across = at.x / (at.y + 1.65 + 0.6 * np.maximum(at.y, 0))
    count = 420
    fine = rng.standard_normal(count)
    broad = np.convolve(rng.standard_normal(count), np.ones(14) / 4, "same")
    strands = ((fine + broad) * 0.13).astype(np.float32)
    shade = strands[np.clip((across * 0.35 + 0.5) * count, 0, count - 1).astype(np.intp)]
    gloss = 0.28 * gauss((at.y + 0.92 + 0.25 * at.x * at.x) / 0.12)
    texture: Field = rgb(who.hair) * (1.25 * np.clip(1.0 + shade + gloss, 0.35, 1.8))[..., None]
    return texture
