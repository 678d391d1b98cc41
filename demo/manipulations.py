"""The demo's real manipulations: what face swappers, lip-sync tools, up-sampling generators and vocoders leave behind.

Each draws a strength anew for each fake: weak ones are hard to see, so that a detector can learn something on the demo
corpus but is not simply right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image
from scipy import fft, ndimage, signal, sparse

from unmask.demo.drawing import Field, Grid, edge
from unmask.demo.head import Head, Light, lamp
from unmask.demo.identities import Person
from unmask.demo.scenes import Frame, Scene
from unmask.demo.speech_synthesis import Wave


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """How a face (or only the mouth) is put into somebody else's head. Ranges are (at strength 0, at strength 1)."""

    part: str
    """"face" or "mouth"."""
    resolution: tuple[float, float]
    """Size of the generator's output as a share of the face it replaces: below 1 it comes back blurred."""
    color: tuple[float, float]
    """How much of a wrong tint remains after color matching."""
    feather: tuple[float, float]
    """Width of the blending border in head units."""
    checker: tuple[float, float] = (0.0, 0.0)
    """Contrast of the grid that transposed convolutions leave."""
    flicker: tuple[float, float] = (0.0, 0.0)
    """Change of brightness from frame to frame."""


SWAPS: dict[str, Swap] = {
    "deepfakes": Swap(
        part="face", resolution=(0.62, 0.36), color=(0.05, 0.13), feather=(0.30, 0.18), flicker=(0.01, 0.03)
    ),
    "faceswap": Swap(
        part="face", resolution=(0.95, 0.60), color=(0.09, 0.20), feather=(0.16, 0.05), flicker=(0.01, 0.04)
    ),
    "shifter": Swap(
        part="face", resolution=(0.75, 0.45), color=(0.04, 0.10), feather=(0.34, 0.22), checker=(0.02, 0.06)
    ),
    "reenact": Swap(
        part="mouth", resolution=(0.60, 0.34), color=(0.05, 0.12), feather=(0.20, 0.10), flicker=(0.01, 0.03)
    ),
    "neural": Swap(
        part="mouth", resolution=(0.70, 0.45), color=(0.04, 0.09), feather=(0.20, 0.10), checker=(0.04, 0.10)
    ),
    "lips": Swap(part="mouth", resolution=(0.52, 0.28), color=(0.04, 0.10), feather=(0.14, 0.05), flicker=(0.0, 0.02)),
}


def forged_head(recipe: str, scene: Scene, target: Person, donor: Person, rng: np.random.Generator) -> ForgedHead:
    """`target`'s head in `scene` wearing what SWAPS[recipe] takes from `donor`."""
    swap = SWAPS[recipe]
    giver = target if swap.part == "mouth" else _aligned(donor, target)
    light = scene.light if swap.part == "mouth" else _misjudged(scene.light, rng)
    return ForgedHead(scene.head(target), Head(giver, light, scene.scale), swap, rng)


class ForgedHead:
    """A head with a part of another drawing of a head blended in."""

    flickers = 2

    def __init__(self, body: Head, face: Head, swap: Swap, rng: np.random.Generator) -> None:
        self._body, self._face = body, face
        self._drawn: dict[tuple[float, float], tuple[Field, Field]] = {}
        strength = float(rng.uniform(0.25, 1.0))
        self._resolution = _between(swap.resolution, strength)
        self._mask = _mask(swap.part, body, _between(swap.feather, strength), rng)
        tint = 1.0 + _between(swap.color, strength) * _signs(rng)
        flicker = 1.0 + _between(swap.flicker, strength) * rng.uniform(-1, 1, (self.flickers, 1))
        self._gains = (tint * flicker).astype(np.float32)
        self._grid = _checker(body.grid.shape, rng, self._resolution) * np.float32(_between(swap.checker, strength))

    def layer(self, mouth: float, lids: float, flicker: int = 0) -> Field:
        """As Head.layer."""
        if (mouth, lids) not in self._drawn:
            forged = _coarse(self._face.layer(mouth, lids), self._resolution)
            self._drawn[mouth, lids] = self._body.layer(mouth, lids), forged
        body, forged = self._drawn[mouth, lids]
        tinted = forged * np.append(self._gains[flicker], np.float32(1))
        tinted[..., :3] += forged[..., :3] * self._grid[..., None]
        blended: Field = np.clip(body + self._mask[..., None] * (tinted - body), 0.0, 1.0)
        return blended


def _between(ends: tuple[float, float], strength: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * strength


def _signs(rng: np.random.Generator) -> NDArray[np.float64]:
    """A direction in color space with both brightness and hue in it."""
    return np.asarray(rng.choice([-1.0, 1.0]) * 0.6 + rng.uniform(-0.7, 0.7, 3))


def _aligned(donor: Person, target: Person) -> Person:
    """The donor's face stretched onto the target's landmarks, as swappers do before they blend."""
    keep = ("width", "jaw", "eye_x", "eye_y", "mouth_y", "nose_tip", "hairline", "hair", "hair_length", "hair_volume")
    red, green, blue = (0.75 * t + 0.25 * d for t, d in zip(target.skin, donor.skin, strict=True))
    return replace(
        donor, skin=(red, green, blue), glasses=target.glasses, **{name: getattr(target, name) for name in keep}
    )


def _misjudged(light: Light, rng: np.random.Generator) -> Light:
    """The light on the donor: only partly corrected towards the scene's."""
    other = lamp(rng)
    return replace(light, x=0.5 * (light.x + other.x), y=0.5 * (light.y + other.y))


def _mask(part: str, head: Head, feather: float, rng: np.random.Generator) -> Field:
    at: Grid = head.grid
    across, down = (0.02 * float(z) for z in rng.standard_normal(2))
    if part == "mouth":
        x, y = at.x / (head.who.mouth_width * 1.55), (at.y - head.who.mouth_y - 0.10) / 0.36
    else:
        x, y = at.x / (head.who.width * 0.80), (at.y - 0.16) / 0.70
    radius = np.sqrt((x + across) ** 2 + (y + down) ** 2)
    return edge((1.0 - radius) * 0.5, feather)


def _coarse(layer: Field, resolution: float) -> Field:
    """Down to the generator's size and up again: the fine texture is gone."""
    height, width = layer.shape[:2]
    size = (max(8, round(width * resolution)), max(8, round(height * resolution)))
    pixels = Image.fromarray(np.rint(np.clip(layer[..., :3], 0, 1) * 255).astype(np.uint8))
    back = pixels.resize(size, Image.Resampling.BOX).resize((width, height), Image.Resampling.BICUBIC)
    coarse: Field = np.concatenate([np.asarray(back, np.float32) / 255, layer[..., 3:]], axis=-1)
    return coarse


def _checker(shape: tuple[int, ...], rng: np.random.Generator, resolution: float) -> Field:
    """The uneven overlap of transposed convolutions: a grid of two of the generator's pixels."""
    period = 2.0 / min(resolution, 0.66)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    phase = rng.uniform(0, 2 * np.pi, 2)
    grid = np.cos(2 * np.pi * x / period + phase[0]) * np.cos(2 * np.pi * y / period + phase[1])
    return np.asarray(grid, np.float32)


def generated(picture: Frame, rng: np.random.Generator) -> Frame:
    """A whole picture as an up-sampling generator would give it: smoothed texture, ringing edges, a faint grid."""
    strength = float(rng.uniform(0.0, 1.0))
    height, width = picture.shape[:2]
    factor = _between((1.5, 2.4), strength)
    small = Image.fromarray(picture).resize((round(width / factor), round(height / factor)), Image.Resampling.BOX)
    coarse = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    # Sharpening what was up-sampled is what makes edges ring.
    sharp = coarse + _between((0.5, 1.2), strength) * (coarse - ndimage.gaussian_filter(coarse, (1.6, 1.6, 0)))
    grid = 1 + _between((0.012, 0.04), strength) * _checker(picture.shape, rng, 1 / factor)[..., None]
    made: Frame = np.clip(np.rint(sharp * grid), 0, 255).astype(np.uint8)
    return made


# The vocoder sees 1024 samples (43 ms) at a time, every 256: the usual choice of text-to-speech models.
WINDOW, HOP = 1024, 256
HANN = signal.get_window("hann", WINDOW)


def vocoded(sound: Wave, rng: np.random.Generator) -> Wave:
    """`sound` from its magnitudes alone: smoothed as through a mel spectrogram, phases guessed (Griffin and Lim)."""
    strength = float(rng.uniform(0.0, 1.0))
    size = _through_mels(np.abs(_spectrum(sound)), bands=round(_between((140, 56), strength)))
    phase = np.exp(2j * np.pi * rng.random(size.shape))
    for _ in range(round(_between((14, 3), strength))):
        guess = _spectrum(_wave(size * phase, len(sound)))
        phase = guess / (np.abs(guess) + 1e-9)
    made = _wave(size * phase, len(sound))
    level: Wave = (made * np.sqrt(np.mean(sound**2) / (np.mean(made**2) + 1e-12))).astype(np.float32)
    return level


def _spectrum(sound: NDArray[np.floating[Any]]) -> NDArray[np.complex128]:
    """(S,) -> (T, WINDOW // 2 + 1): overlapping windows, those at the ends half empty."""
    padded = np.pad(sound, (WINDOW, WINDOW + -len(sound) % HOP)).astype(np.float64)
    return np.asarray(fft.rfft(sliding_window_view(padded, WINDOW)[::HOP] * HANN))


def _wave(spectrum: NDArray[np.complex128], length: int) -> NDArray[np.float64]:
    """Back to `length` samples: the windows are added up where they overlap."""
    windows = fft.irfft(spectrum) * HANN
    overlap = WINDOW // HOP
    steps = np.zeros((len(windows) + overlap - 1, HOP))
    for part in range(overlap):
        steps[part : part + len(windows)] += windows[:, part * HOP : (part + 1) * HOP]
    # Squared Hann windows a quarter apart add up to 1.5.
    return steps.ravel()[WINDOW : WINDOW + length] / 1.5


def _through_mels(size: NDArray[np.float64], bands: int) -> NDArray[np.float64]:
    """Magnitudes (T, F) averaged into mel bands and spread out again: the harmonics above 2 kHz melt together."""
    mel = np.log1p(np.linspace(0, 17, size.shape[1])) / np.log1p(17)  # 12 kHz over 700 Hz
    centres = np.linspace(0, 1, bands)
    weights = np.clip(1 - np.abs(mel[None] - centres[:, None]) * (bands - 1), 0, None)
    # Sparse: nearly all weights are 0, and its sums come in the same order however many threads there are.
    bank = sparse.csr_array(weights)
    level = (bank @ size.T) / (weights.sum(axis=1, keepdims=True) + 1e-9)
    return np.asarray((bank.T @ level).T / (weights.sum(axis=0) + 1e-9))


def out_of_sync(mouth: Field, rng: np.random.Generator) -> Field:
    """The mouth's openings (T,), 25 a second, running 0.3 to 0.7 s late, with a little less movement."""
    late = int(rng.integers(8, 18))
    return (np.roll(mouth, late) * rng.uniform(0.75, 1.0)).astype(np.float32)
