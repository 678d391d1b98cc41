"""What an augmentation is, and the random numbers of a clip: the same ones wherever and whenever they are drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from unmask.preprocess.profiles import AugmentationSettings

PROBABILITY = 0.5
"""Each augmentation is applied to half of the clips, as in the better of two settings of Wang et al. (images.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """One entry of a registry (`IMAGE_AUGMENTATIONS`, `AUDIO_AUGMENTATIONS`), applied in the order of the registry."""

    name: str
    draw: Callable[..., Any]
    """Draw the parameters of a clip. Images: draw(numbers, strength, random); audio: the same and the sample rate.

    `numbers` are those of `uniform`; more may be drawn from `random`.
    """
    apply: Callable[..., Any]
    """Change one image: apply(image, parameters, random); or one waveform: apply(wave, parameters, random, rate)."""
    finish: Callable[..., Any] | None = None
    """Images only, called after all others: finish(image, parameters, side)."""
    uniform: tuple[int, ...] = ()
    """Positions of this augmentation's numbers among the clip's uniform numbers in [0, 1). They are drawn before any
    `draw` is called, in an order that does not follow the registry: the first tokens were made so.
    """
    choices: tuple[str, ...] = ()
    """Names of what it picks from, such as codecs. Part of the key of the tokens."""
    version: int = 1
    """Increased when the code or a range changes. Part of the key of the tokens."""

    @property
    def identity(self) -> str:
        """Text that differs between different augmentations: "codec 1 mp3,aac"."""
        return f"{self.name} {self.version} {','.join(self.choices)}".strip()


def seed_generator(
    modality: Literal["faces", "sound"], settings: AugmentationSettings, number: int, key: tuple[str, int]
) -> np.random.Generator:
    """Random generator of one clip: equal for equal seed, number and clip in every process.

    Strength is left out on purpose: a stronger augmentation is the same change, larger.
    """
    media_id, clip = key
    text = f"{modality}\0{settings.seed}\0{number}\0{media_id}\0{clip}"
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


def draw_parameters(
    augmentations: Sequence[Augmentation], random: np.random.Generator, strength: float, *rate: int
) -> dict[str, Any]:
    """Name -> parameters of the augmentations that a clip gets, in the order of the registry.

    Everything is drawn, also what is not applied: another range of one augmentation leaves the others' draws alone.
    """
    chosen = choose(random, len(augmentations))
    numbers = random.random(sum(len(one.uniform) for one in augmentations)).tolist()
    drawn = [
        (one.name, one.draw([numbers[place] for place in one.uniform], strength, random, *rate))
        for one in augmentations
    ]
    return {name: parameters for (name, parameters), take in zip(drawn, chosen, strict=True) if take}


def choose(random: np.random.Generator, count: int) -> list[bool]:
    """Which of `count` augmentations a clip gets: each with `PROBABILITY`, and at least one."""
    takes = random.random(count) < PROBABILITY
    takes[random.integers(count)] |= not takes.any()
    return [bool(take) for take in takes]


def spread_evenly(number: float, strength: float) -> float:
    """From [0, 1) to [-strength, strength)."""
    return -strength + (strength + strength) * number
