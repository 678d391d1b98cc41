"""Pictures as a viewer shows them: upright, 8-bit RGB."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from unmask.core.errors import BadMedia

# What Pillow's decoders raise on damaged files, beside the OSError they should.
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, IndexError, KeyError, TypeError, OverflowError)

# Transparent parts become what a viewer with a white page shows; dropping alpha would uncover whatever colour lies
# under it.
BACKGROUND = (255, 255, 255)


def read_image(path: Path, *, max_pixels: int) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, turned upright by its EXIF orientation; the first frame of an animation.

    16-bit values are scaled to 8 bits, alpha is laid over white. `BadMedia`: "refused" over `max_pixels`, else
    "unreadable".
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns at a size of its own choosing and refuses at twice that; the limit here is the profile's.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                check_size(path, image.size, max_pixels)
                return np.asarray(_rgb(ImageOps.exif_transpose(image)))
    except Image.DecompressionBombError as error:
        raise BadMedia(path, "refused", str(error), "Reduce the picture or raise preprocess.max_pixels") from error
    except DAMAGE as error:
        problem = f"not a readable picture ({type(error).__name__}: {error})"
        raise BadMedia(path, "unreadable", problem, "Copy it from its source again") from error


def check_size(path: Path, size: tuple[int, int], max_pixels: int) -> None:
    """`BadMedia` "refused" for a picture of more than `max_pixels`."""
    if size[0] * size[1] > max_pixels:
        problem = f"{size[0]} x {size[1]} pixels, over the limit of {max_pixels}"
        raise BadMedia(path, "refused", problem, "Reduce the picture or raise preprocess.max_pixels")


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _from_wide(image)
    if image.has_transparency_data:
        over = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, (*BACKGROUND, 255)), over).convert("RGB")
    return image.convert("RGB")


def _from_wide(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits: values beyond 255 are taken as 16-bit, because Pillow itself would clip them to white."""
    grey = np.nan_to_num(np.asarray(image, dtype=np.float64))
    scale = 257.0 if grey.max(initial=0) > 255 else 1.0
    return Image.fromarray(np.clip(np.rint(grey / scale), 0, 255).astype(np.uint8)).convert("RGB")
