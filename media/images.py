"""Image decoding: upright, 8-bit RGB. The one module that opens images with Pillow.

open_image   header and pixels as Pillow gives them: scan, audit, perceptual hashes
read_image   the picture: preprocessing
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from unmask.core.errors import BadMedia
from unmask.core.files.regular_files import open_regular
from unmask.media.file_type import CAMERA_RAW, HEIF, FileType, explain_type, identify_file
from unmask.media.jpeg_end import complete_jpeg, is_reserved_space
from unmask.media.media_kind import RAW_SUFFIXES
from unmask.media.pixel_values import BLACK, DARK, BadValues, combine_bytes, is_deep, swap_bytes, to_rgb
from unmask.media.png_text import drop_text

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
    NotImplementedError,  # a variant of a format that a plugin knows and does not decode
)
# In the messages of Pillow's plugins for a variant that they do not decode, such as 12 bits in a JPEG.
VARIANT = ("unknown pixel mode", "unknown data organization", "cannot handle", "unsupported", "not supported")
# Pillow's names of formats.
PLUGINS = {"JPEG 2000": "JPEG2000", "WebP": "WEBP", "PNM": "PPM"}
# Formats of photographs and of exported pictures. Pillow has many more, some of which run other programs on the file
# (EPS), decode what was never meant (a font, a satellite's map), or have few readers and so few testers.
OPENED = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "BMP", "DIB", "TIFF", "JPEG2000", "PPM", "TGA", "PSD", "QOI", "DDS", "ICO", "ICNS", "PCX", "SGI")  # fmt: skip  # noqa: E501
ANIMATED = ("GIF", "WEBP", "PNG", "AVIF")

DAMAGED = "Copy it from its source again"
FEWER_PIXELS = "Reduce the image or raise preprocess.max_pixels"


@contextmanager
def open_image(path: Path) -> Iterator[ImageFile.ImageFile]:
    """The image with its header read, of any size: check it before decoding. Text in a PNG may be dropped.

    Raises `BadMedia`: "unsupported" for a format that is not read, "unreadable" for a damaged header. What Pillow
    raises while the pixels are decoded is one of `DECODER_ERRORS`.
    """
    if path.suffix.lower() in RAW_SUFFIXES:
        raise BadMedia(path, "unsupported", CAMERA_RAW.name, CAMERA_RAW.remedy or "")
    # Each stage has its own limit, which a user can raise.
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of damaged metadata, which is not used
            with ExitStack() as files, _open(path, files) as image:
                yield image
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def read_image(path: Path, *, max_pixels: int) -> tuple[NDArray[np.uint8], str | None]:
    """(H, W, 3) uint8 RGB, upright by the EXIF orientation; and what of the file is not in it, else None.

    An animation gives its first frame. Values of more than 8 bits are scaled, alpha is composited over white. A JPEG
    may lack its end marker and the last few blocks. Raises `BadMedia`: "refused" over `max_pixels` and for values
    without a known range, "unsupported" for a format that is not read, else "unreadable".
    """
    try:
        return _read_with_repairs(path, max_pixels)
    except BadValues as error:
        raise BadMedia(path, "refused", str(error), "Save it with 8 bits per channel") from error


def _read_with_repairs(path: Path, max_pixels: int) -> tuple[NDArray[np.uint8], str | None]:
    try:
        with open_image(path) as image:
            check_size(path, image.size, max_pixels)
            if image.format in ("JPEG", "MPO") and is_reserved_space(path):
                raise OSError("truncated: it ends with zeros")
            deep = is_deep(image)
            pixels, problem = to_rgb(image), _describe_animation(image)
        return (_brighten(path, pixels) if deep else pixels), problem
    except DECODER_ERRORS as error:
        with suppress(*DECODER_ERRORS):
            if mended := _read_damaged(path, max_pixels):
                return mended
        raise describe_failure(path, error) from error


def check_size(path: Path, size: tuple[int, int], max_pixels: int) -> None:
    """Raise `BadMedia` "refused" for an image of more than `max_pixels`."""
    if size[0] * size[1] > max_pixels:
        problem = f"{size[0]} x {size[1]} pixels, over the limit of {max_pixels}"
        raise BadMedia(path, "refused", problem, FEWER_PIXELS)


def describe_failure(path: Path, error: Exception, remedy: str = DAMAGED) -> BadMedia:
    """What to raise for `error` of Pillow: the format or its variant is not read, or the file is damaged."""
    found = identify_file(path)
    if isinstance(error, UnidentifiedImageError) and found and found.kind in ("audio", "video"):
        return BadMedia(path, "unsupported", f"its content is {found.name}, not an image", "Scan again")
    if isinstance(error, UnidentifiedImageError) and _is_unknown(found):
        return explain_type(path, found)
    error = _find_cause(path) or error
    # Without the folder: what is stored is the same on every machine.
    problem = str(error).replace(str(path), path.name)
    if any(words in problem.lower() for words in VARIANT) or isinstance(error, NotImplementedError):  # of Pillow
        problem = f"{found.name if found else 'an image'} of a variant that Pillow does not decode ({problem})"
        return BadMedia(path, "unsupported", problem, "Convert it to PNG or JPEG with 8 bits per channel")
    return BadMedia(path, "unreadable", f"not a readable image ({type(error).__name__}: {problem})", remedy)


def _is_unknown(found: FileType | None) -> bool:
    if found is None or found.kind is None:
        return True
    return found.remedy is not None and not (found == HEIF and "HEIF" in _list_formats())


@cache
def _list_formats() -> tuple[str, ...]:
    """Pillow's formats, with HEIC where its optional package is installed."""
    with suppress(ImportError):
        from pillow_heif import register_heif_opener

        register_heif_opener()
    Image.init()
    return tuple(name for name in OPENED if name in Image.OPEN)


def _open(path: Path, files: ExitStack) -> ImageFile.ImageFile:
    found = identify_file(path)
    if found and found.kind is None:
        raise explain_type(path, found)
    try:
        return Image.open(files.enter_context(open_regular(path)), formats=_list_formats())
    except DECODER_ERRORS as error:
        with suppress(*DECODER_ERRORS):
            if (content := drop_text(path)) is not None:
                return Image.open(content, formats=("PNG",))
        raise describe_failure(path, error) from error


def _brighten(path: Path, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`pixels` (H, W, 3), the upper bytes of 16-bit colors, scaled to the range that the colors use."""
    if pixels.max(initial=0) >= DARK:
        return pixels
    with open_image(path) as image:
        if swap_bytes(image):
            return combine_bytes(pixels, to_rgb(image))
    if pixels.max() < BLACK:
        raise BadValues("colors of 16 bits that use at most 12 of them")
    return pixels


def _find_cause(path: Path) -> Exception | None:
    """Why Pillow's plugin for this file rejects it: `Image.open` reports nothing but "cannot identify"."""
    found = identify_file(path)
    name = PLUGINS.get(found.name, found.name) if found else ""
    if name not in Image.OPEN:
        return None
    try:
        with open_regular(path) as file:
            Image.OPEN[name][0](file, "")
    except DECODER_ERRORS as error:
        return error
    return None


def _read_damaged(path: Path, max_pixels: int) -> tuple[NDArray[np.uint8], str | None] | None:
    """A picture from a file whose damage does not matter; None for all others."""
    if (content := drop_text(path)) is not None:
        with Image.open(content, formats=("PNG",)) as plain:
            check_size(path, plain.size, max_pixels)
            return to_rgb(plain), None
    mended = complete_jpeg(path)
    if mended is None:
        return None
    image, lost = mended
    what = f"the last {lost:.1%} of its pixels are missing" if lost else "its end marker is missing"
    return to_rgb(image), f"cut off: {what}"


def _describe_animation(image: Image.Image) -> str | None:
    with suppress(*DECODER_ERRORS):  # damage behind the first frame
        if image.format in ANIMATED and getattr(image, "is_animated", False):
            return "animated: only its first frame is used"
    return None
