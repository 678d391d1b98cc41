"""Square face crops, taken from inside the frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unmask.preprocess.faces.tracking import FaceTrack, interpolate_landmarks
from unmask.preprocess.profiles import PreprocessSettings

# Pillow widens its filters when it reduces, so nothing aliases: aliasing would imitate the up-sampling traces of
# generators. Bicubic because the image encoders were trained on bicubic images.
FILTER = Image.Resampling.BICUBIC

# Eyes, nose and mouth corners of an upright face, in 112ths of a crop without margin: the mean shape of ArcFace (Deng
# et al., CVPR 2019), to which most face datasets since are aligned.
UPRIGHT = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])


@dataclass(frozen=True, slots=True, kw_only=True)
class RotatedSquare:
    """A square in a frame."""

    x: float
    y: float
    """Center in pixels of the frame."""
    side: float
    """Pixels of the frame."""
    tilt: float
    """Radians, clockwise as seen."""


def crop_faces(frames: NDArray[np.uint8], track: FaceTrack, settings: PreprocessSettings) -> NDArray[np.uint8]:
    """(F, S, S, 3) uint8 crops of `frames` (F, H, W, 3) around the track's boxes.

    With `settings.align` they are aligned by the landmarks, if there are any.
    """
    points = interpolate_landmarks(track) if settings.align else None
    if points is None:
        crops = [_crop_upright(frame, box, settings) for frame, box in zip(frames, track.boxes, strict=True)]
    else:
        crops = [
            crop_rotated(frame, fit_square(five, settings.margin), settings.face_size)
            for frame, five in zip(frames, points, strict=True)
        ]
    return np.stack([np.asarray(crop) for crop in crops])


def fit_square(points: NDArray[np.float32], margin: float) -> RotatedSquare:
    """The square that aligns `points` (5, 2) with `UPRIGHT` by the least-squares similarity transform.

    Umeyama, IEEE TPAMI 1991. In complex numbers it is a regression with one slope: its length is the scale, its angle
    the tilt.
    """
    unit = (UPRIGHT / 112 - 0.5) / (1 + margin)
    there, here = unit @ (1, 1j), points.astype(np.float64) @ (1, 1j)
    centered = there - there.mean()
    slope = (centered.conj() @ here) / (centered.conj() @ centered)
    middle = here.mean() - slope * there.mean()
    side, tilt = max(1.0, float(abs(slope))), float(np.angle(slope))
    return RotatedSquare(x=float(middle.real), y=float(middle.imag), side=side, tilt=tilt)


def place_square(box: NDArray[np.float32], height: int, width: int, margin: float) -> tuple[float, float, float, float]:
    """The square (x0, y0, x1, y1) around a face box, its side the box's longer side times 1 + `margin`.

    A square over the frame's edge is moved inside, one larger than the frame is reduced to its short side: padding
    would mark faces at the edge.
    """
    x0, y0, x1, y1 = (float(value) for value in box)
    side = min(max(x1 - x0, y1 - y0) * (1 + margin), height, width)
    side = max(side, 1.0)
    left = min(max((x0 + x1 - side) / 2, 0.0), width - side)
    top = min(max((y0 + y1 - side) / 2, 0.0), height - side)
    return left, top, left + side, top + side


def _crop_upright(frame: NDArray[np.uint8], box: NDArray[np.float32], settings: PreprocessSettings) -> Image.Image:
    height, width = frame.shape[:2]
    square = place_square(box, height, width, settings.margin)
    return Image.fromarray(frame).resize((settings.face_size, settings.face_size), FILTER, box=square)


def crop_rotated(frame: NDArray[np.uint8], square: RotatedSquare, size: int, *, fast: bool = False) -> Image.Image:
    """The square of `frame` (H, W, 3) or (H, W), `size` pixels wide: reduced without aliasing, then rotated.

    Rotated at the final scale. Outside the frame its edge pixels are repeated. `fast` reduces only what this tilt needs
    and interpolates linearly: half of the time, with edges a tenth softer.
    """
    scale = square.side / size
    step = max(scale, 1.0)
    corner = square.side / np.sqrt(2)
    if fast:
        corner = square.side / 2 * (abs(np.cos(square.tilt)) + abs(np.sin(square.tilt)))
    reach = corner + 2 * step
    region, left, top = _cut_region(frame, square.x - reach, square.y - reach, square.x + reach, square.y + reach)
    small = round(region.width / step), round(region.height / step)
    reducing, rotating = (Image.Resampling.HAMMING, Image.Resampling.BILINEAR) if fast else (FILTER, FILTER)
    reduced = region.resize(small, reducing) if step > 1 else region
    across, down = reduced.width / region.width, reduced.height / region.height
    # From a point of the crop to one of `reduced`: rotate around the crop's center, then move to the region's corner.
    cos, sin, half = np.cos(square.tilt) * scale, np.sin(square.tilt) * scale, size / 2
    x, y = square.x - left - (cos - sin) * half, square.y - top - (sin + cos) * half
    matrix = (cos * across, -sin * across, x * across, sin * down, cos * down, y * down)
    return reduced.transform((size, size), Image.Transform.AFFINE, matrix, rotating)


def _cut_region(frame: NDArray[np.uint8], x0: float, y0: float, x1: float, y1: float) -> tuple[Image.Image, int, int]:
    """The region between these corners, the frame's edge pixels repeated outside, and its corner (left, top)."""
    left, top, right, bottom = int(np.floor(x0)), int(np.floor(y0)), int(np.ceil(x1)), int(np.ceil(y1))
    if left >= 0 and top >= 0 and right <= frame.shape[1] and bottom <= frame.shape[0]:
        return Image.fromarray(np.ascontiguousarray(frame[top:bottom, left:right])), left, top
    rows = np.clip(np.arange(top, bottom), 0, frame.shape[0] - 1)
    columns = np.clip(np.arange(left, right), 0, frame.shape[1] - 1)
    return Image.fromarray(np.ascontiguousarray(frame[rows[:, None], columns[None]])), left, top
