"""Square crops around a face, always of pixels that are there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unmask.preprocess.faces.tracking import FaceTrack, points_of
from unmask.preprocess.profiles import PreprocessSettings

# Pillow widens its filters when it reduces, so nothing aliases: aliasing would imitate the up-sampling traces a
# detector looks for. Bicubic because the image encoders were trained on bicubic pictures.
FILTER = Image.Resampling.BICUBIC


# Where eyes, nose and mouth corners lie in an upright face, in 112ths of a crop without margin: the mean shape that
# ArcFace (Deng et al., CVPR 2019) and most face datasets since are aligned to.
UPRIGHT = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])


@dataclass(frozen=True, slots=True)
class Placed:
    """A square in a frame that need not be upright."""

    x: float
    y: float
    """Its centre in pixels of the frame."""
    side: float
    """Pixels of the frame."""
    tilt: float
    """Radians, clockwise as seen."""


def crop_faces(frames: NDArray[np.uint8], track: FaceTrack, settings: PreprocessSettings) -> NDArray[np.uint8]:
    """(F, S, S, 3) uint8 crops of `frames` (F, H, W, 3): around the track's boxes, or by its landmarks where
    `settings.align` asks for it and there are any.
    """
    points = points_of(track) if settings.align else None
    if points is None:
        crops = [_crop(frame, box, settings) for frame, box in zip(frames, track.boxes, strict=True)]
    else:
        crops = [
            _turned(frame, upright_square(five, settings.margin), settings.face_size)
            for frame, five in zip(frames, points, strict=True)
        ]
    return np.stack([np.asarray(crop) for crop in crops])


def upright_square(points: NDArray[np.float32], margin: float) -> Placed:
    """The square in which `points` (5, 2) come closest to `UPRIGHT` by the least-squares similarity.

    Umeyama, IEEE TPAMI 1991; in complex numbers it is a regression with one slope, whose length is the scale and whose
    angle is the tilt.
    """
    unit = (UPRIGHT / 112 - 0.5) / (1 + margin)
    there, here = unit @ (1, 1j), points.astype(np.float64) @ (1, 1j)
    centred = there - there.mean()
    slope = (centred.conj() @ here) / (centred.conj() @ centred)
    middle = here.mean() - slope * there.mean()
    return Placed(float(middle.real), float(middle.imag), max(1.0, float(abs(slope))), float(np.angle(slope)))


def square_around(
    box: NDArray[np.float32], height: int, width: int, margin: float
) -> tuple[float, float, float, float]:
    """The square (x0, y0, x1, y1) around a face box: its side is the box's longer side times 1 + `margin`.

    A square that reaches over the frame's edge is moved inside, one larger than the frame is reduced to its short
    side: padding would be pixels no camera saw, and would mark faces at the edge.
    """
    x0, y0, x1, y1 = (float(value) for value in box)
    side = min(max(x1 - x0, y1 - y0) * (1 + margin), height, width)
    side = max(side, 1.0)
    left = min(max((x0 + x1 - side) / 2, 0.0), width - side)
    top = min(max((y0 + y1 - side) / 2, 0.0), height - side)
    return left, top, left + side, top + side


def _crop(frame: NDArray[np.uint8], box: NDArray[np.float32], settings: PreprocessSettings) -> Image.Image:
    height, width = frame.shape[:2]
    square = square_around(box, height, width, settings.margin)
    return Image.fromarray(frame).resize((settings.face_size, settings.face_size), FILTER, box=square)


def _turned(frame: NDArray[np.uint8], square: Placed, size: int) -> Image.Image:
    """Reduced first, by a filter that does not alias, then turned at the final scale.

    What lies outside the frame shows the frame's edge.
    """
    scale = square.side / size
    step = max(scale, 1.0)
    reach = square.side / np.sqrt(2) + 2 * step
    part, left, top = _part(frame, square.x - reach, square.y - reach, square.x + reach, square.y + reach)
    small = round(part.width / step), round(part.height / step)
    reduced = part.resize(small, FILTER) if step > 1 else part
    across, down = reduced.width / part.width, reduced.height / part.height
    # From a point of the crop to one of `reduced`: turned around the crop's middle, then moved to the part's corner.
    cos, sin, half = np.cos(square.tilt) * scale, np.sin(square.tilt) * scale, size / 2
    x, y = square.x - left - (cos - sin) * half, square.y - top - (sin + cos) * half
    matrix = (cos * across, -sin * across, x * across, sin * down, cos * down, y * down)
    return reduced.transform((size, size), Image.Transform.AFFINE, matrix, FILTER)


def _part(frame: NDArray[np.uint8], x0: float, y0: float, x1: float, y1: float) -> tuple[Image.Image, int, int]:
    """The part of a frame between these corners with its edge repeated outside, and where it begins (left, top)."""
    left, top = int(np.floor(x0)), int(np.floor(y0))
    rows = np.clip(np.arange(top, int(np.ceil(y1))), 0, frame.shape[0] - 1)
    columns = np.clip(np.arange(left, int(np.ceil(x1))), 0, frame.shape[1] - 1)
    return Image.fromarray(np.ascontiguousarray(frame[rows[:, None], columns[None]])), left, top
