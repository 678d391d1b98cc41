"""What a clip's view is called, and the random numbers it draws: its own, wherever and whenever it is computed."""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np

from unmask.preprocess.profiles import ViewSettings

VERSION = 1
"""Raised when the code of this package, or the libraries under it, would give other pixels or samples."""

HALF = 0.5
"""Each change is in half of the clips, as in the better of the two settings of Wang et al. (pictures.py)."""


def view_name(settings: ViewSettings, number: int) -> str:
    """For the key of the tokens: "augment-1 seed 0 strength 1 view 2"; "" for number 0, the clean clip.

    How many views there are is not in it: asking for a third one keeps the first two.
    """
    strength = repr(float(settings.strength)).removesuffix(".0")  # every digit, or two strengths would share a name
    return f"augment-{VERSION} seed {settings.seed} strength {strength} view {number}" if number else ""


def generator_of(
    stream: Literal["faces", "sound"], settings: ViewSettings, number: int, key: tuple[str, int]
) -> np.random.Generator:
    """The same numbers for the same seed, view and clip in every process. Strength is left out on purpose: a stronger
    view is the same change, farther.
    """
    media_id, clip = key
    text = f"{stream}\0{settings.seed}\0{number}\0{media_id}\0{clip}"
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


def chosen(random: np.random.Generator, changes: int) -> list[bool]:
    """Which of `changes` a clip gets: each with probability one half, and at least one."""
    takes = random.random(changes) < HALF
    takes[random.integers(changes)] |= not takes.any()
    return [bool(take) for take in takes]
