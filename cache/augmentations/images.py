"""Faces as they look after a journey: edited, blurred, sent smaller through a noisy camera and a JPEG encoder.

The frames of a clip make one journey: all of them get the same parameters, and only the noise differs from frame to
frame. The order is that of a platform: colour, blur, down, noise, JPEG, up again. JPEG sees the smaller picture, and
its blocks start anywhere, as they do in a crop. Values are drawn evenly from these ranges:

    change   parameter                at strength 1     at strength 2     why
    colour   brightness, contrast     +-0.15            +-0.3             DeepfakeBench +-0.1; apps' filters go further
             saturation, hue          +-0.2, +-6 deg    +-0.4, +-12 deg   skin still looks like skin
             gamma                    2^+-0.25          2^+-0.5           screens and cameras differ by so much
    blur     sigma at 224 px          0 to 1.5 px       0 to 3 px         Wang et al. 0 to 3
    resize   side                     1 to 1/2          1 to 1/4          a face of 112 px, and one of 56
    noise    sigma in white, of 255   0 to 6            0 to 12           a phone indoors, by day and in the evening
    JPEG     quality, 4:2:0           95 to 40          95 to 20          DeepfakeBench 100 to 40, Wang et al. 100 to 30

Wang et al., "CNN-generated images are surprisingly easy to spot... for now", CVPR 2020: blur and JPEG in training, each
with probability 0.5, carry a detector to generators it has not seen. DeepfakeBench: Yan et al., NeurIPS 2023. Noise of
sensors, shot and read: Foi et al., IEEE Transactions on Image Processing 17 (10), 2008.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from unmask.cache.augmentations.random_draws import chosen, generator_of
from unmask.preprocess.profiles import ViewSettings

TONE, TINT, HUE, GAMMA = 0.15, 0.2, np.radians(6.0), 0.25
BLUR, NOISE = 1.5, 6.0
SMALLEST = 0.5
BEST_QUALITY, QUALITY_RANGE, WORST_QUALITY = 95.0, 55.0, 20.0
"""The best, how far below it the range of strength 1 ends, and where every range ends."""
BLUR_SIDE = 224
"""Pixels; in a smaller picture the same blur is as much smaller."""
READ_SHARE = 0.2
"""Of the noise's variance in white: what is left of it in black."""
JPEG_BLOCK = 8
KERNELS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
"""Platforms scale with one of these; upscaling leaves the trace of its kernel."""
LUMA_CHROMA = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
"""RGB to YIQ: in the plane of I and Q a turn changes hue, and a stretch saturation."""


NORMAL = np.array([NormalDist().inv_cdf((step + 0.5) / 256) for step in range(256)], np.float32)
"""256 equally likely values of a normal distribution: so noise costs one random byte a value, a quarter of the time of
normal numbers. None lies beyond 2.9 sigma.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour:
    """Neutral: 0, 1, 1, 0, 1."""

    brightness: float
    """Added; full scale is 1."""
    contrast: float
    saturation: float
    hue: float
    """Radians."""
    gamma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureChange:
    """What one clip's frames go through. None: not this."""

    colour: Colour | None
    blur: float | None
    """Sigma in pixels of a picture of `BLUR_SIDE`."""
    scale: float | None
    kernel: Image.Resampling
    noise: float | None
    """Sigma in white; full scale is 255."""
    quality: int | None
    corner: tuple[int, int]
    """Pixels from the picture's corner up and left to that of its first JPEG block."""


def augmented_faces(
    faces: NDArray[np.uint8],
    face_offsets: NDArray[np.int64],
    keys: Sequence[tuple[str, int]],
    settings: ViewSettings,
    number: int,
) -> NDArray[np.uint8]:
    """(F, S, S, 3) RGB -> the same shape: view `number` of every clip. View 0 is the array that was given.

    Clip c, named by `keys[c]` = (media_id, clip), has the faces from `face_offsets[c]` to `face_offsets[c + 1]`. It
    looks the same whatever clips are beside it.
    """
    if number == 0 or len(faces) == 0:
        return faces
    assert len(face_offsets) == len(keys) + 1
    seen = np.empty_like(faces)
    for clip, key in enumerate(keys):
        random = generator_of("faces", settings, number, key)
        change = drawn_change(random, settings.strength)
        for face in range(int(face_offsets[clip]), int(face_offsets[clip + 1])):
            seen[face] = changed_face(faces[face], change, random)
    return seen


def drawn_change(random: np.random.Generator, strength: float) -> PictureChange:
    """Everything is drawn whatever is used, so that a change of one range leaves the others' draws alone."""
    coloured, blurred, resized, noisy, compressed = chosen(random, 5)
    signed, far = random.uniform(-strength, strength, 5).tolist(), random.random(4).tolist()
    worst = max(WORST_QUALITY, BEST_QUALITY - QUALITY_RANGE * strength)
    kernel = KERNELS[random.integers(len(KERNELS))]
    up, left = random.integers(JPEG_BLOCK, size=2).tolist()
    return PictureChange(
        colour=_colour(*signed) if coloured else None,
        blur=BLUR * strength * far[0] if blurred else None,
        scale=float(SMALLEST ** (strength * far[1])) if resized else None,
        kernel=kernel,
        noise=NOISE * strength * far[2] if noisy else None,
        quality=round(BEST_QUALITY - (BEST_QUALITY - worst) * far[3]) if compressed else None,
        corner=(up, left),
    )


def changed_face(face: NDArray[np.uint8], change: PictureChange, random: np.random.Generator) -> NDArray[np.uint8]:
    """(S, S, 3) -> (S, S, 3). `random` is for the noise alone."""
    side = len(face)
    picture = Image.fromarray(face)
    if change.colour is not None:
        picture = _recoloured(picture, change.colour)
    if change.blur is not None:
        picture = picture.filter(ImageFilter.GaussianBlur(change.blur * side / BLUR_SIDE))
    if change.scale is not None:
        smaller = max(1, round(side * change.scale))
        picture = picture.resize((smaller, smaller), change.kernel)
    if change.noise is not None:
        picture = Image.fromarray(_noisy(np.asarray(picture), change.noise, random))
    if change.quality is not None:
        picture = _compressed(picture, change.quality, change.corner)
    return np.asarray(picture.resize((side, side), change.kernel))


def _colour(brightness: float, contrast: float, saturation: float, hue: float, gamma: float) -> Colour:
    """From numbers that are 0 for no change and 1 for the end of the range at strength 1."""
    return Colour(
        brightness=TONE * brightness,
        contrast=1 + TONE * contrast,
        saturation=1 + TINT * saturation,
        hue=float(HUE * hue),
        gamma=2.0 ** (GAMMA * gamma),
    )


def _recoloured(picture: Image.Image, colour: Colour) -> Image.Image:
    """Gamma, contrast about mid-grey and brightness as one table; hue and saturation as one matrix."""
    tone = (np.linspace(0, 1, 256) ** colour.gamma - 0.5) * colour.contrast + 0.5 + colour.brightness
    table = np.clip(np.rint(255 * tone), 0, 255).astype(int).tolist()
    cosine, sine = colour.saturation * np.cos(colour.hue), colour.saturation * np.sin(colour.hue)
    turn = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    matrix = np.linalg.inv(LUMA_CHROMA) @ turn @ LUMA_CHROMA
    rows = np.pad(matrix, ((0, 0), (0, 1)))  # nothing is added
    return picture.point(table * 3).convert("RGB", tuple(rows.ravel().tolist()))


def _noisy(pixels: NDArray[np.uint8], sigma: float, random: np.random.Generator) -> NDArray[np.uint8]:
    """Read noise everywhere, and shot noise whose variance grows with the light."""
    light = np.arange(256, dtype=np.float32) / 255
    sigmas = sigma * np.sqrt(READ_SHARE + (1 - READ_SHARE) * light)
    values = NORMAL.take(random.integers(0, 256, pixels.shape, np.uint8))
    values *= sigmas.take(pixels)
    values += pixels
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _compressed(picture: Image.Image, quality: int, corner: tuple[int, int]) -> Image.Image:
    """Through JPEG. Edges are continued up and left, and cut off again, to move the blocks."""
    up, left = corner
    wider = np.pad(np.asarray(picture), ((up, 0), (left, 0), (0, 0)), mode="edge")
    file = io.BytesIO()
    Image.fromarray(wider).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    width, height = left + picture.width, up + picture.height
    return Image.open(file, formats=("JPEG",)).crop((left, up, width, height))
