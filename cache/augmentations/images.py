"""Augmentations of face crops: edited, blurred, scaled down, with camera noise and JPEG artifacts.

All frames of a clip get the same parameters; only the noise differs from frame to frame. The order is that of a sharing
platform: color, blur, scale down, noise, JPEG, scale up again. JPEG compresses the smaller image, and its blocks start
anywhere, as in a crop. Values are drawn uniformly from these ranges:

    augmentation  parameter                at strength 1     at strength 2     why
    color         brightness, contrast     +-0.15            +-0.3             DeepfakeBench +-0.1; apps' filters more
                  saturation, hue          +-0.2, +-6 deg    +-0.4, +-12 deg   skin still looks like skin
                  gamma                    2^+-0.25          2^+-0.5           screens and cameras differ by this much
    blur          sigma at 224 px          0 to 1.5 px       0 to 3 px         Wang et al. 0 to 3
    resize        side                     1 to 1/2          1 to 1/4          a face of 112 px, and one of 56
    noise         sigma in white, of 255   0 to 6            0 to 12           a phone indoors, by day and at night
    jpeg          quality, 4:2:0           95 to 40          95 to 20          DeepfakeBench 100 to 40, Wang 100 to 30

Wang et al., "CNN-generated images are surprisingly easy to spot... for now", CVPR 2020: with blur and JPEG in training,
each with probability 0.5, a detector generalizes to unseen generators. DeepfakeBench: Yan et al., NeurIPS 2023. Shot
and read noise of sensors: Foi et al., IEEE Transactions on Image Processing 17 (10), 2008.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from unmask.cache.augmentations.random_draws import Augmentation, draw_parameters, seed_generator, spread_evenly
from unmask.preprocess.profiles import AugmentationSettings

TONE, TINT, HUE, GAMMA = 0.15, 0.2, np.radians(6.0), 0.25
BLUR, NOISE = 1.5, 6.0
SMALLEST = 0.5
BEST_QUALITY, QUALITY_RANGE, WORST_QUALITY = 95.0, 55.0, 20.0
"""Best quality, how far below it the range of strength 1 ends, and where every range ends."""
BLUR_SIDE = 224
"""Pixels per side that the blur's sigma refers to; in a smaller image the same blur has a smaller sigma."""
READ_SHARE = 0.2
"""Share of the noise variance in white that remains in black."""
JPEG_BLOCK = 8
KERNELS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
"""Platforms scale with one of these; upscaling leaves the trace of its kernel."""
LUMA_CHROMA = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
"""RGB to YIQ: in the plane of I and Q a rotation changes hue, and a scaling saturation."""
NORMAL = np.array([NormalDist().inv_cdf((step + 0.5) / 256) for step in range(256)], np.float32)
"""256 equally likely values of a normal distribution: noise then costs one random byte per value, a quarter of the time
of normal numbers. None lies beyond 2.9 sigma.
"""


class Color(NamedTuple):
    """Neutral: 0, 1, 1, 0, 1."""

    brightness: float
    """Added; full scale is 1."""
    contrast: float
    saturation: float
    hue: float
    """Radians."""
    gamma: float


class Resize(NamedTuple):
    scale: float
    kernel: Image.Resampling


class Jpeg(NamedTuple):
    quality: int
    corner: tuple[int, int]
    """Pixels up and left from the image's corner to that of its first JPEG block."""


def augment_faces(
    faces: NDArray[np.uint8],
    face_offsets: NDArray[np.int64],
    keys: Sequence[tuple[str, int]],
    settings: AugmentationSettings,
    number: int,
) -> NDArray[np.uint8]:
    """(F, S, S, 3) RGB -> the same shape: augmented version `number` of every clip; 0 returns `faces` itself.

    Clip c, named by `keys[c]` = (media_id, clip), has the faces from `face_offsets[c]` to `face_offsets[c + 1]`. The
    result of a clip does not depend on the other clips.
    """
    if number == 0 or len(faces) == 0:
        return faces
    assert len(face_offsets) == len(keys) + 1
    augmented = np.empty_like(faces)
    for clip, key in enumerate(keys):
        random = seed_generator("faces", settings, number, key)
        parameters = draw_parameters(IMAGE_AUGMENTATIONS, random, settings.strength)
        for face in range(int(face_offsets[clip]), int(face_offsets[clip + 1])):
            augmented[face] = apply_to_face(faces[face], parameters, random)
    return augmented


def apply_to_face(
    face: NDArray[np.uint8], parameters: Mapping[str, Any], random: np.random.Generator
) -> NDArray[np.uint8]:
    """(S, S, 3) -> (S, S, 3). `parameters`: as `draw_parameters` gives them. `random` is for the noise."""
    image = Image.fromarray(face)
    applied = [one for one in IMAGE_AUGMENTATIONS if one.name in parameters]
    for one in applied:
        image = one.apply(image, parameters[one.name], random)
    for one in applied:
        image = image if one.finish is None else one.finish(image, parameters[one.name], len(face))
    return np.asarray(image)


def draw_color(numbers: Sequence[float], strength: float, random: np.random.Generator) -> Color:
    brightness, contrast, saturation, hue, gamma = (spread_evenly(number, strength) for number in numbers)
    return Color(
        brightness=TONE * brightness,
        contrast=1 + TONE * contrast,
        saturation=1 + TINT * saturation,
        hue=float(HUE * hue),
        gamma=2.0 ** (GAMMA * gamma),
    )


def change_color(image: Image.Image, color: Color, random: np.random.Generator) -> Image.Image:
    """Gamma, contrast about mid-gray and brightness as one table; hue and saturation as one matrix."""
    tone = (np.linspace(0, 1, 256) ** color.gamma - 0.5) * color.contrast + 0.5 + color.brightness
    table = np.clip(np.rint(255 * tone), 0, 255).astype(int).tolist()
    cosine, sine = color.saturation * np.cos(color.hue), color.saturation * np.sin(color.hue)
    turn = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    matrix = np.linalg.inv(LUMA_CHROMA) @ turn @ LUMA_CHROMA
    rows = np.pad(matrix, ((0, 0), (0, 1)))  # nothing is added
    return image.point(table * 3).convert("RGB", tuple(rows.ravel().tolist()))


def draw_blur(numbers: Sequence[float], strength: float, random: np.random.Generator) -> float:
    """Sigma in pixels of an image of `BLUR_SIDE`."""
    return BLUR * strength * numbers[0]


def blur(image: Image.Image, sigma: float, random: np.random.Generator) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(sigma * image.width / BLUR_SIDE))


def draw_resize(numbers: Sequence[float], strength: float, random: np.random.Generator) -> Resize:
    return Resize(float(SMALLEST ** (strength * numbers[0])), KERNELS[random.integers(len(KERNELS))])


def scale_down(image: Image.Image, resize: Resize, random: np.random.Generator) -> Image.Image:
    side = max(1, round(image.width * resize.scale))
    return image.resize((side, side), resize.kernel)


def scale_up(image: Image.Image, resize: Resize, side: int) -> Image.Image:
    return image.resize((side, side), resize.kernel)


def draw_noise(numbers: Sequence[float], strength: float, random: np.random.Generator) -> float:
    """Sigma in white; full scale is 255."""
    return NOISE * strength * numbers[0]


def add_noise(image: Image.Image, sigma: float, random: np.random.Generator) -> Image.Image:
    """Add read noise everywhere, and shot noise whose variance grows with the light."""
    pixels = np.asarray(image)
    light = np.arange(256, dtype=np.float32) / 255
    sigmas = sigma * np.sqrt(READ_SHARE + (1 - READ_SHARE) * light)
    values = NORMAL.take(random.integers(0, 256, pixels.shape, np.uint8))
    values *= sigmas.take(pixels)
    values += pixels
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def draw_jpeg(numbers: Sequence[float], strength: float, random: np.random.Generator) -> Jpeg:
    worst = max(WORST_QUALITY, BEST_QUALITY - QUALITY_RANGE * strength)
    up, left = random.integers(JPEG_BLOCK, size=2).tolist()
    return Jpeg(round(BEST_QUALITY - (BEST_QUALITY - worst) * numbers[0]), (up, left))


def compress(image: Image.Image, jpeg: Jpeg, random: np.random.Generator) -> Image.Image:
    """Compress with JPEG. Edges are padded up and left, and cropped again, to move the blocks."""
    up, left = jpeg.corner
    padded = np.pad(np.asarray(image), ((up, 0), (left, 0), (0, 0)), mode="edge")
    file = io.BytesIO()
    Image.fromarray(padded).save(file, "JPEG", quality=jpeg.quality, subsampling="4:2:0")
    return Image.open(file, formats=("JPEG",)).crop((left, up, left + image.width, up + image.height))


IMAGE_AUGMENTATIONS = (
    Augmentation(name="color", draw=draw_color, apply=change_color, uniform=(0, 1, 2, 3, 4)),
    Augmentation(name="blur", draw=draw_blur, apply=blur, uniform=(5,)),
    Augmentation(name="resize", draw=draw_resize, apply=scale_down, finish=scale_up, uniform=(6,)),
    Augmentation(name="noise", draw=draw_noise, apply=add_noise, uniform=(7,)),
    Augmentation(name="jpeg", draw=draw_jpeg, apply=compress, uniform=(8,)),
)
"""All augmentations of face crops, in the order they are applied. docs/add-an-augmentation.md says how to add one."""
