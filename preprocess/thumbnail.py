"""What can still be seen of a file that failed: a small JPEG for the report."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageFile, ImageOps

from unmask.core.errors import BadMedia, Reason
from unmask.manifests.manifest import Kind
from unmask.media.containers import opened
from unmask.media.images import DAMAGE, check_size

SIDE = 96
QUALITY = 75
# The others are not opened again: they are too large, took too long, killed the process, are not there, or are sound.
SHOWN: tuple[Reason, ...] = ("unreadable", "no_face", "too_short")


def thumbnail(path: Path, kind: Kind, reason: Reason, *, max_pixels: int) -> bytes:
    """The part of a damaged picture that decodes, or a video's first frame that does; empty where nothing does."""
    if reason not in SHOWN or kind == "audio" or not path.is_file():
        return b""
    try:
        return _jpeg(_picture(path, max_pixels) if kind == "image" else _first_frame(path, max_pixels))
    except (*DAMAGE, BadMedia, av.FFmpegError, Image.DecompressionBombError, StopIteration):
        return b""


def _picture(path: Path, max_pixels: int) -> Image.Image:
    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, True
    try:
        with Image.open(path) as image:
            check_size(path, image.size, max_pixels)
            image.draft("RGB", (SIDE, SIDE))
            return ImageOps.exif_transpose(image).convert("RGB")
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _first_frame(path: Path, max_pixels: int) -> Image.Image:
    with opened(path) as container:
        frame = next(container.decode(container.streams.video[0]))
        check_size(path, (frame.width, frame.height), max_pixels)
        return Image.fromarray(np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90) % 4))


def _jpeg(image: Image.Image) -> bytes:
    image.thumbnail((SIDE, SIDE))
    memory = io.BytesIO()
    image.save(memory, "JPEG", quality=QUALITY)
    return memory.getvalue()
