"""Pixels of every mode as upright 8-bit RGB.

Integers of more than 8 bits are divided by the smallest usual range that holds them (10, 12, 14, 16, 24 or 32 bits):
12-bit pictures are commonly stored as 16 bits, and would be nearly black. Floats are taken as 0..1, -1..1, or as
integers. `BadValues` where no range fits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile, ImageOps

# Transparent pixels become white, as in most viewers; dropping alpha would show the arbitrary color below it.
BACKGROUND = (255, 255, 255)
RANGES_BITS = (8, 10, 12, 14, 16, 24, 32)
# Filters overshoot: up to this share of the pixels of a float picture may lie outside of its range.
OVERSHOOT = 0.002
MOST_FLOAT = 1.1
# With fewer levels a picture of integers is black, whatever its range is.
FEWEST_LEVELS = 32
MOST_SAMPLED = 1_000_000
# A model's output has both signs; what a filter leaves below 0 is little.
SIGNED_BELOW = -0.1
# TIFF tag, and its value in pictures where 0 is white.
PHOTOMETRIC, WHITE_IS_ZERO = 262, 0
# Upper bytes of 16-bit colors that use 14 bits or fewer are all below this.
DARK = 64
# And of those that use 12 bits.
BLACK = 16
# What Pillow calls 16-bit colors in the order of its bytes, and in the other order.
SWAPPED = {"RGB;16B": "RGB;16L", "RGB;16L": "RGB;16B", "RGB;16N": "RGB;16B"}


class BadValues(Exception):
    """Pixel values whose range is unknown."""


def to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    """(H, W, 3) uint8, upright by the EXIF orientation."""
    inverted = image.format == "TIFF" and getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == WHITE_IS_ZERO
    turned = ImageOps.exif_transpose(image)
    if turned.mode in ("I", "F") or turned.mode.startswith("I;16"):
        gray = _reduce_depth(np.asarray(turned), is_float=turned.mode == "F")
        return np.repeat((255 - gray if inverted else gray)[..., None], 3, axis=2)
    return np.asarray(_to_8_bit_rgb(turned))


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Has it colors of 16 bits? Of an image that is not decoded yet."""
    return image.mode not in ("I", "F") and image.mode[:4] != "I;16" and any(map(_get_raw_mode, image.tile))


def swap_bytes(image: ImageFile.ImageFile) -> bool:
    """Decode the lower instead of the upper byte of each 16-bit color; False where Pillow cannot."""
    modes = [_get_raw_mode(tile) for tile in image.tile]
    if not all(mode in SWAPPED for mode in modes):
        return False
    image.tile = [_set_raw_mode(tile, SWAPPED[mode]) for tile, mode in zip(image.tile, modes, strict=True)]
    return True


def combine_bytes(upper: NDArray[np.uint8], lower: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 from the bytes of 16-bit colors, scaled to the range that they use."""
    return _reduce_depth(upper.astype(np.uint16) << 8 | lower, is_float=False)


def _get_raw_mode(tile: Any) -> str:
    """Pillow's name of the layout of a tile with 16-bit colors; empty for other tiles."""
    name = tile.args if isinstance(tile.args, str) else (tile.args or ("",))[0]
    return str(name) if ";16" in str(name) else ""


def _set_raw_mode(tile: Any, mode: str) -> Any:
    return tile._replace(args=mode if isinstance(tile.args, str) else (mode, *tile.args[1:]))


def _to_8_bit_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "LAB":
        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
        assert converted is not None  # only with inPlace
        return converted
    if image.has_transparency_data:
        over = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, (*BACKGROUND, 255)), over).convert("RGB")
    return image.convert("RGB")


def _reduce_depth(values: NDArray[np.generic], *, is_float: bool) -> NDArray[np.uint8]:
    """uint8 from values of 16 or 32 bits."""
    gray = values.astype(np.float32)
    finite = np.isfinite(gray)
    if not finite.any():
        raise BadValues("no pixel has a finite value")
    if not finite.all():
        known = gray[finite]
        gray = np.nan_to_num(gray, nan=0.0, posinf=known.max(), neginf=known.min())
    low, high = float(gray.min()), float(gray.max())
    if is_float:
        sample = gray.ravel()[:: max(1, gray.size // MOST_SAMPLED)]
        low, high = (float(value) for value in np.quantile(sample, (OVERSHOOT, 1 - OVERSHOOT)))
        if low >= -MOST_FLOAT and high <= MOST_FLOAT:
            return _to_bytes((gray + 1) * 127.5 if low < SIGNED_BELOW else gray * 255)
    if low < 0:
        raise BadValues(f"negative values (down to {low:g}), whose range is unknown")
    if 0 < high < FEWEST_LEVELS:
        raise BadValues(f"values only up to {high:g}, whose range is unknown")
    bits = next((bits for bits in RANGES_BITS if high < 2**bits), None)
    if bits is None:
        raise BadValues(f"values up to {high:g}, whose range is unknown")
    return _to_bytes(gray * np.float32(255 / (2**bits - 1)))


def _to_bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
