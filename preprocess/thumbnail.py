"""Thumbnails of failed files: a small JPEG for the report."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageFile, ImageOps

from unmask.core.errors import BadMedia, Reason
from unmask.manifests.manifest import Kind
from unmask.media.containers import decode_packet, find_video, open_container
from unmask.media.images import DECODER_ERRORS, check_size, open_image
from unmask.media.orientation import read_orientation, scale_to_square_pixels

SIDE = 96
QUALITY = 75
# Files that failed for other reasons are not opened again: too large, too slow, crashing, missing or audio.
SHOWN_REASONS: tuple[Reason, ...] = ("unreadable", "no_face", "too_short")


def make_thumbnail(path: Path, kind: Kind, reason: Reason, *, max_pixels: int) -> bytes:
    """JPEG of the decodable region of a damaged image or of a video's first decodable frame; empty if there is none."""
    if reason not in SHOWN_REASONS or kind == "audio" or not path.is_file():
        return b""
    try:
        decode = _decode_image if kind == "image" else _decode_first_frame
        return _encode_jpeg(decode(path, max_pixels))
    except (*DECODER_ERRORS, BadMedia, av.FFmpegError, StopIteration):
        return b""


def _decode_image(path: Path, max_pixels: int) -> Image.Image:
    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, True
    try:
        with open_image(path) as image:
            check_size(path, image.size, max_pixels)
            image.draft("RGB", (SIDE, SIDE))
            return ImageOps.exif_transpose(image).convert("RGB")
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _decode_first_frame(path: Path, max_pixels: int) -> Image.Image:
    with open_container(path) as container:
        stream = find_video(container)
        if stream is None:
            raise BadMedia(path, "unreadable", "no video track in it")
        frame = next(frame for packet in container.demux(stream) for frame in decode_packet(packet))
        width, height = scale_to_square_pixels(frame.width, frame.height, stream.sample_aspect_ratio)
        check_size(path, (width, height), max_pixels)
        pixels = np.asarray(frame.to_ndarray(format="rgb24", width=width, height=height), np.uint8)
        return Image.fromarray(read_orientation(frame).apply(pixels))


def _encode_jpeg(image: Image.Image) -> bytes:
    image.thumbnail((SIDE, SIDE))
    memory = io.BytesIO()
    image.save(memory, "JPEG", quality=QUALITY)
    return memory.getvalue()
