"""Image decoding: upright, 8-bit RGB."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from unmask.core.errors import BadMedia

# Raised by Pillow's decoders for damaged files, in addition to the documented OSError.
DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
)

# Transparent pixels become white, as in most viewers; dropping alpha would show the arbitrary color below it.
BACKGROUND = (255, 255, 255)


def read_image(path: Path, *, max_pixels: int) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, upright by the EXIF orientation; the first frame of an animation.

    16-bit values are scaled to 8 bits, alpha is composited over white. Raises `BadMedia`: "refused" over `max_pixels`,
    else "unreadable".
    """
    try:
        with warnings.catch_warnings():
            # Pillow has its own limits (a warning, an error at twice the size); the profile's limit applies instead.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                check_size(path, image.size, max_pixels)
                return np.asarray(_to_rgb(ImageOps.exif_transpose(image)))
    except Image.DecompressionBombError as error:
        raise BadMedia(path, "refused", str(error), "Reduce the image or raise preprocess.max_pixels") from error
    except DECODER_ERRORS as error:
        problem = f"not a readable image ({type(error).__name__}: {error})"
        raise BadMedia(path, "unreadable", problem, "Copy it from its source again") from error


def check_size(path: Path, size: tuple[int, int], max_pixels: int) -> None:
    """Raise `BadMedia` "refused" for an image of more than `max_pixels`."""
    if size[0] * size[1] > max_pixels:
        problem = f"{size[0]} x {size[1]} pixels, over the limit of {max_pixels}"
        raise BadMedia(path, "refused", problem, "Reduce the image or raise preprocess.max_pixels")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _reduce_depth(image)
    if image.has_transparency_data:
        over = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, (*BACKGROUND, 255)), over).convert("RGB")
    return image.convert("RGB")


def _reduce_depth(image: Image.Image) -> Image.Image:
    """Grayscale of 16 or 32 bits. Values over 255 are taken as 16-bit: Pillow would clip them to white."""
    gray = np.nan_to_num(np.asarray(image, dtype=np.float64))
    scale = 257.0 if gray.max(initial=0) > 255 else 1.0
    return Image.fromarray(np.clip(np.rint(gray / scale), 0, 255).astype(np.uint8)).convert("RGB")
