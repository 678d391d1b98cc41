"""Seeded identities that do not exist: the shape and colors of a face, and the voice that belongs to it.

Lengths are in head units: the face is 2 units high, its middle is (0, 0), y grows downwards.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

Color = tuple[float, float, float]
"""Red, green, blue, each 0..1."""


def make_rng(seed: int, *keys: object) -> np.random.Generator:
    """Random generator that depends on `seed` and `keys` only, not on worker count, order or platform."""
    digest = hashlib.sha256("\0".join(map(str, (seed, *keys))).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Appearance and voice of one identity. Widths are half widths."""

    skin: Color
    hair: Color
    iris: Color
    lips: Color
    clothes: Color
    width: float
    eye_x: float
    eye_y: float
    nose_width: float
    nose_tip: float
    """y of the tip of the nose."""
    mouth_y: float
    mouth_width: float
    hairline: float
    """y where the hair begins over the forehead."""
    hair_length: float
    """y where the hair ends beside the face."""
    texture: int
    """Seed of the noise of skin and hair."""
    pitch: float
    """Mean fundamental frequency in Hz."""
    tract: float
    """Factor on all formant frequencies: above 1 for a shorter vocal tract."""
    breath: float
    """Level of noise in the voiced source."""
    melody: float
    """Range of the pitch contour in octaves."""
    syllables_per_second: float


# Smallest and largest value per field of Person.
RANGES = {
    "width": (0.70, 0.80),
    "eye_x": (0.28, 0.335),
    "eye_y": (-0.17, -0.10),
    "nose_width": (0.105, 0.150),
    "nose_tip": (0.20, 0.28),
    "mouth_y": (0.49, 0.56),
    "mouth_width": (0.23, 0.30),
    "hairline": (-0.74, -0.56),
    "breath": (0.02, 0.10),
    "melody": (0.15, 0.45),
    "syllables_per_second": (3.6, 5.4),
}
SKINS = ((0.96, 0.80, 0.69), (0.91, 0.71, 0.58), (0.84, 0.63, 0.48), (0.72, 0.51, 0.37), (0.58, 0.39, 0.28))
HAIRS = ((0.10, 0.08, 0.07), (0.22, 0.14, 0.09), (0.38, 0.25, 0.14), (0.62, 0.45, 0.24), (0.42, 0.41, 0.40))
IRISES = ((0.30, 0.18, 0.09), (0.42, 0.30, 0.14), (0.28, 0.40, 0.24), (0.32, 0.46, 0.60))


def make_person(seed: int, *keys: object) -> Person:
    """The identity of these keys: the same face and voice wherever it appears."""
    rng = make_rng(seed, "person", *keys)
    deep = float(rng.random())  # a deep voice tends to go with short hair
    long_hair = rng.random() < 0.85 - 0.65 * deep
    red, green, blue = skin = _vary(rng, SKINS[rng.integers(len(SKINS))])
    return Person(
        **{name: float(rng.uniform(*ends)) for name, ends in RANGES.items()},
        skin=skin,
        hair=_vary(rng, HAIRS[rng.integers(len(HAIRS))]),
        iris=_vary(rng, IRISES[rng.integers(len(IRISES))]),
        lips=_vary(rng, (0.30 + 0.50 * red, 0.05 + 0.48 * green, 0.08 + 0.48 * blue)),
        clothes=_vary(rng, (rng.uniform(0.1, 0.75), rng.uniform(0.1, 0.75), rng.uniform(0.1, 0.75))),
        hair_length=rng.uniform(0.55, 1.35) if long_hair else rng.uniform(-0.35, 0.0),
        texture=int(rng.integers(2**31)),
        pitch=float(np.clip(230.0 - 125.0 * deep + rng.normal(0, 12), 80.0, 260.0)),
        tract=float(np.clip(1.17 - 0.24 * deep + rng.normal(0, 0.03), 0.85, 1.25)),
    )


def _vary(rng: np.random.Generator, color: Color) -> Color:
    """Mostly lighter or darker: skin and hair vary less in hue than in brightness."""
    red, green, blue = np.clip(np.array(color) + rng.uniform(-0.03, 0.03) + rng.uniform(-0.01, 0.01, 3), 0.03, 0.98)
    return float(red), float(green), float(blue)
