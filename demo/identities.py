"""Seeded people who do not exist: the shape and colors of a face, and the voice that belongs to it.

Lengths are in head units: the face is 2 units high, its middle is (0, 0), y grows downwards.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

Color = tuple[float, float, float]
"""Red, green, blue, each 0..1."""


def make_rng(seed: int, *keys: object) -> np.random.Generator:
    """Random numbers that depend on `seed` and `keys` only: not on worker count, order or platform hash seeds."""
    digest = hashlib.sha256("\0".join(map(str, (seed, *keys))).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How somebody sounds."""

    pitch: float
    """Mean fundamental frequency in Hz."""
    tract: float
    """Factor on all formant frequencies: a shorter vocal tract is above 1."""
    breath: float
    """Share of noise in the voiced source."""
    tilt: float
    """Pole of the source's low-pass filter, 0..1: higher is duller."""
    melody: float
    """Range of the pitch contour in octaves."""
    syllables_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """How somebody looks and sounds."""

    skin: Color
    hair: Color
    iris: Color
    lips: Color
    clothes: Color
    width: float
    """Half the width of the face."""
    jaw: float
    """How much the face narrows towards the chin, 0..1."""
    eye_x: float
    eye_y: float
    eye_width: float
    """Half the width of an eye."""
    eye_height: float
    brow_lift: float
    brow_thickness: float
    brow_tilt: float
    nose_width: float
    nose_tip: float
    """y of the tip of the nose."""
    mouth_y: float
    mouth_width: float
    """Half the width of the closed mouth."""
    lip_height: float
    smile: float
    hairline: float
    """y where the hair begins over the forehead."""
    hair_length: float
    """y where the hair ends beside the face."""
    hair_volume: float
    beard: float
    """0 shaved .. 1 full."""
    freckles: float
    age: float
    """0..1: depth of folds."""
    glasses: bool
    texture: int
    """Seed of the skin's and hair's own noise."""
    voice: Voice


SKINS: tuple[Color, ...] = (
    (0.96, 0.80, 0.69),
    (0.91, 0.71, 0.58),
    (0.84, 0.63, 0.48),
    (0.72, 0.51, 0.37),
    (0.58, 0.39, 0.28),
    (0.45, 0.30, 0.21),
)
HAIRS: tuple[Color, ...] = (
    (0.10, 0.08, 0.07),
    (0.22, 0.14, 0.09),
    (0.38, 0.25, 0.14),
    (0.62, 0.45, 0.24),
    (0.45, 0.22, 0.12),
    (0.42, 0.41, 0.40),
)
IRISES: tuple[Color, ...] = ((0.30, 0.18, 0.09), (0.42, 0.30, 0.14), (0.28, 0.40, 0.24), (0.32, 0.46, 0.60))


def person(seed: int, *keys: object) -> Person:
    """The one person these keys name: the same face and voice wherever they appear."""
    rng = make_rng(seed, "person", *keys)
    deep = float(rng.random())  # one draw for both, since a deep voice and a beard tend to go together
    skin = _vary(rng, SKINS[rng.integers(len(SKINS))], 0.03)
    long_hair = rng.random() < 0.85 - 0.65 * deep
    return Person(
        skin=skin,
        hair=_vary(rng, HAIRS[rng.integers(len(HAIRS))], 0.03),
        iris=_vary(rng, IRISES[rng.integers(len(IRISES))], 0.04),
        lips=_lips(rng, skin),
        clothes=_cloth(rng),
        width=rng.uniform(0.70, 0.80),
        jaw=rng.uniform(0.10, 0.26),
        eye_x=rng.uniform(0.28, 0.335),
        eye_y=rng.uniform(-0.17, -0.10),
        eye_width=rng.uniform(0.135, 0.165),
        eye_height=rng.uniform(0.058, 0.082),
        brow_lift=rng.uniform(0.16, 0.21),
        brow_thickness=rng.uniform(0.024, 0.046),
        brow_tilt=rng.uniform(-0.03, 0.05),
        nose_width=rng.uniform(0.105, 0.150),
        nose_tip=rng.uniform(0.20, 0.28),
        mouth_y=rng.uniform(0.49, 0.56),
        mouth_width=rng.uniform(0.23, 0.30),
        lip_height=rng.uniform(0.045, 0.080),
        smile=rng.uniform(-0.01, 0.05),
        hairline=rng.uniform(-0.74, -0.56),
        hair_length=rng.uniform(0.55, 1.35) if long_hair else rng.uniform(-0.35, 0.0),
        hair_volume=rng.uniform(1.06, 1.20),
        beard=rng.uniform(0.35, 1.0) if rng.random() < 0.65 * deep else 0.0,
        freckles=rng.uniform(0.3, 1.0) if rng.random() < 0.3 else 0.0,
        age=rng.random(),
        glasses=bool(rng.random() < 0.15),
        texture=int(rng.integers(2**31)),
        voice=_voice(rng, deep),
    )


def _voice(rng: np.random.Generator, deep: float) -> Voice:
    return Voice(
        pitch=float(np.clip(230.0 - 125.0 * deep + rng.normal(0, 12), 80.0, 260.0)),
        tract=float(np.clip(1.17 - 0.24 * deep + rng.normal(0, 0.03), 0.85, 1.25)),
        breath=rng.uniform(0.02, 0.10),
        tilt=rng.uniform(0.55, 0.85),
        melody=rng.uniform(0.15, 0.45),
        syllables_per_second=rng.uniform(3.6, 5.4),
    )


def _vary(rng: np.random.Generator, color: Color, spread: float) -> Color:
    """Mostly lighter or darker: hues of skin and hair vary far less than their brightness."""
    shift = rng.uniform(-spread, spread) + 0.35 * rng.uniform(-spread, spread, 3)
    red, green, blue = np.clip(np.asarray(color) + shift, 0.03, 0.98)
    return float(red), float(green), float(blue)


def _cloth(rng: np.random.Generator) -> Color:
    red, green, blue = rng.uniform(0.15, 0.75) * rng.uniform(0.55, 1.25, 3)
    return float(red), float(green), float(blue)


def _lips(rng: np.random.Generator, skin: Color) -> Color:
    """Redder and darker than the skin around them."""
    return _vary(rng, (0.30 + 0.50 * skin[0], 0.05 + 0.48 * skin[1], 0.08 + 0.48 * skin[2]), 0.04)
