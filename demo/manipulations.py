"""The demo's manipulations: what face swaps, lip-sync models, upsampling generators and vocoders leave behind.

Every fake draws its own strength; weak ones are hard to see, so that a detector learns from the corpus and still errs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image
from scipy import ndimage, signal

from unmask.demo.drawing import Face, Field, edge
from unmask.demo.identities import Person
from unmask.demo.items import mix
from unmask.demo.scenes import Draw, Frame
from unmask.demo.speech import Wave

Range = tuple[float, float]

# Per recipe: whether only the mouth is replaced, then ranges (from strength 0 to strength 1) of the generator's
# resolution relative to the face, the color difference after matching, the width of the blending border in head units,
# and the contrast of the grid that transposed convolutions leave.
SWAPS: dict[str, tuple[bool, Range, Range, Range, Range]] = {
    "deepfakes": (False, (0.62, 0.36), (0.05, 0.13), (0.30, 0.18), (0.00, 0.00)),
    "faceswap": (False, (0.95, 0.60), (0.09, 0.20), (0.16, 0.05), (0.00, 0.00)),
    "shifter": (False, (0.75, 0.45), (0.04, 0.10), (0.34, 0.22), (0.02, 0.06)),
    "reenact": (True, (0.60, 0.34), (0.05, 0.12), (0.20, 0.10), (0.00, 0.00)),
    "neural": (True, (0.70, 0.45), (0.04, 0.09), (0.20, 0.10), (0.04, 0.10)),
    "lips": (True, (0.52, 0.28), (0.04, 0.10), (0.14, 0.05), (0.00, 0.00)),
}
# What a swapped face keeps of the target: swappers align the donor with its landmarks.
KEPT = ("width", "eye_x", "eye_y", "mouth_y", "nose_tip", "hairline", "hair", "hair_length")


def swap_face(recipe: str, face: Face, donor: Person, rng: np.random.Generator) -> Draw:
    """As `face.draw`, with what SWAPS[recipe] takes from `donor` blended in."""
    (mouth_only, *ranges), strength = SWAPS[recipe], float(rng.uniform(0.25, 1.0))
    resolution, tint, feather, contrast = (mix(ends, strength) for ends in ranges)
    other = Face(face.who if mouth_only else _align(donor, face.who), face.light, face.scale)
    mask = _make_mask(face, mouth_only, feather, rng)[..., None]
    color = rng.choice([-1.0, 1.0]) * 0.6 + rng.uniform(-0.7, 0.7, 3)
    gain = 1 + tint * color + contrast * _make_checker(mask.shape[:2], rng, resolution)[..., None]

    def draw(mouth: float, lids: float) -> Field:
        real, fake = face.draw(mouth, lids), other.draw(mouth, lids)
        fake[..., :3] = _coarsen(fake[..., :3], resolution) * gain
        return np.asarray(np.clip(real + mask * (fake - real), 0, 1))

    return draw


def _align(donor: Person, target: Person) -> Person:
    """The donor's face on the target's landmarks, its skin mostly matched."""
    red, green, blue = (0.75 * t + 0.25 * d for t, d in zip(target.skin, donor.skin, strict=True))
    return replace(donor, skin=(red, green, blue), **{name: getattr(target, name) for name in KEPT})


def _make_mask(face: Face, mouth_only: bool, feather: float, rng: np.random.Generator) -> Field:
    who, (right, down) = face.who, 0.02 * rng.standard_normal(2, dtype=np.float32)
    if mouth_only:
        x, y = face.x / (who.mouth_width * 1.55), (face.y - who.mouth_y - 0.10) / 0.36
    else:
        x, y = face.x / (who.width * 0.80), (face.y - 0.16) / 0.70
    return edge((1.0 - np.sqrt((x + right) ** 2 + (y + down) ** 2)) * 0.5, feather)


def _coarsen(image: Field, resolution: float) -> Field:
    """Down to the generator's size and up again, without the fine texture."""
    height, width = image.shape[:2]
    pixels = Image.fromarray(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8))
    small = pixels.resize((round(width * resolution), round(height * resolution)), Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.float32) / 255


def _make_checker(shape: tuple[int, ...], rng: np.random.Generator, resolution: float) -> Field:
    """The uneven overlap of transposed convolutions: a grid of two of the generator's pixels, -1..1."""
    turns = 2 * np.pi * min(resolution, 0.66) / 2
    y, x = (np.cos(turns * np.arange(size, dtype=np.float32) + rng.uniform(0, 2 * np.pi)) for size in shape)
    return np.asarray(y[:, None] * x, np.float32)


def upsample(rng: np.random.Generator, image: Frame) -> Frame:
    """The whole image as an upsampling generator would give it: smoothed texture, ringing edges, a faint grid."""
    strength, (height, width) = float(rng.uniform(0.0, 1.0)), image.shape[:2]
    factor = mix((1.5, 2.4), strength)
    coarse = 255 * _coarsen(image / 255, 1 / factor)
    # Sharpening after upsampling makes edges ring.
    sharp = coarse + mix((0.5, 1.2), strength) * (coarse - ndimage.gaussian_filter(coarse, (1.6, 1.6, 0)))
    grid = 1 + mix((0.012, 0.04), strength) * _make_checker((height, width), rng, 1 / factor)[..., None]
    return np.asarray(np.clip(np.rint(sharp * grid), 0, 255), np.uint8)


def vocode(audio: Wave, rng: np.random.Generator) -> Wave:
    """`audio` as a vocoder restores it: magnitudes smoothed along frequency, phases only roughly right."""
    strength, windows = float(rng.uniform(0.0, 1.0)), {"nperseg": 1024, "noverlap": 768}
    spectrum = signal.stft(audio, **windows)[2]
    magnitude = ndimage.uniform_filter1d(np.abs(spectrum), round(mix((2, 5), strength)), axis=0)
    phase = np.angle(spectrum) + mix((0.8, 2.0), strength) * rng.standard_normal(spectrum.shape)
    vocoded = signal.istft(magnitude * np.exp(1j * phase), **windows)[1][: len(audio)]
    loudness = np.sqrt(np.mean(audio**2) / (np.mean(vocoded**2) + 1e-12))
    return np.asarray(vocoded * loudness, np.float32)


def delay_mouth(mouth: Field, rng: np.random.Generator) -> Field:
    """Openings of the mouth (T,) at 25 fps, 0.3 to 0.7 s late and a little weaker."""
    return np.asarray(np.roll(mouth, int(rng.integers(8, 18))) * rng.uniform(0.75, 1.0), np.float32)
