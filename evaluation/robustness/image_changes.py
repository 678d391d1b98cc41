"""Corruptions of the face crops of one clip, each with a fixed parameter.

All but H.264 are the augmentations of cache/augmentations/images.py, with the parameter fixed instead of drawn.

F faces of a clip, S pixels per side
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray
from PIL import Image

from unmask.cache.augmentations import images
from unmask.core.errors import MachineFailed

Faces = NDArray[np.uint8]
"""(F, S, S, 3) RGB."""
FPS = 25


def compress_jpeg(faces: Faces, quality: float, random: np.random.Generator) -> Faces:
    """JPEG with 4:2:0; its blocks start anywhere, as in a crop, at the same place in all faces of a clip."""
    up, left = random.integers(images.JPEG_BLOCK, size=2).tolist()
    return _change_each(faces, lambda face: images.compress(face, images.Jpeg(round(quality), (up, left)), random))


def blur(faces: Faces, sigma: float, random: np.random.Generator) -> Faces:
    """`sigma` in pixels of a crop of `images.BLUR_SIDE`."""
    return _change_each(faces, lambda face: images.blur(face, sigma, random))


def resize(faces: Faces, side: float, random: np.random.Generator) -> Faces:
    """Down to `side` pixels and back, bicubic. A crop that is no larger stays as it is."""
    if side >= faces.shape[1]:
        return faces
    to = images.Resize(side / faces.shape[1], Image.Resampling.BICUBIC)
    return _change_each(faces, lambda face: images.scale_up(images.scale_down(face, to, random), to, face.width))


def add_noise(faces: Faces, sigma: float, random: np.random.Generator) -> Faces:
    """`sigma` in white, of 255; another draw for every face."""
    return _change_each(faces, lambda face: images.add_noise(face, sigma, random))


def compress_h264(faces: Faces, crf: float, random: np.random.Generator) -> Faces:
    """The faces as the frames of one short film: libx264 with a constant rate factor, one thread, in memory."""
    side = faces.shape[1]
    margin = side % 2  # 4:2:0 needs even sides
    padded = np.pad(faces, ((0, 0), (0, margin), (0, margin), (0, 0)), mode="edge") if margin else faces
    frames = list(_decode(_encode(padded, crf)))
    if len(frames) != len(faces):
        raise MachineFailed(f"H.264: {len(frames)} frames decoded of {len(faces)}", "reinstall PyAV (pip install av)")
    return np.stack(frames)[:, :side, :side]


def _encode(faces: Faces, crf: float) -> list[Any]:
    writer = _open_context("libx264", "w")
    writer.height, writer.width = faces.shape[1:3]
    writer.pix_fmt, writer.framerate = "yuv420p", Fraction(FPS)
    writer.options = {"crf": f"{crf:g}", "preset": "medium"}
    packets = []
    for number, face in enumerate(faces):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(face), format="rgb24")
        frame.pts = number
        packets += writer.encode(frame)
    return [*packets, *writer.encode(None)]


def _decode(packets: list[Any]) -> Iterator[Faces]:
    reader = _open_context("h264", "r")
    for packet in (*packets, None):
        yield from (np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in reader.decode(packet))


def _open_context(codec: str, mode: Any) -> VideoCodecContext:
    context = av.CodecContext.create(codec, mode)
    assert isinstance(context, VideoCodecContext)
    context.thread_count = 1  # with several threads, other bits
    return context


def _change_each(faces: Faces, change: Callable[[Image.Image], Image.Image]) -> Faces:
    return np.stack([np.asarray(change(Image.fromarray(face))) for face in faces])
