"""The mouth of one face in every frame of a window: landmarks between the detections, smoothed, and aligned gray crops.

A full search of every frame would take ten times as long as that of the face frames. Between them MTCNN's third network
alone finds the landmarks, in the square around the interpolated box.

F face frames of the window, U frames with mouth crops
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unmask.media.luma import Luma
from unmask.preprocess.faces.cropping import RotatedSquare, crop_rotated, fit_square
from unmask.preprocess.faces.detection import load_mtcnn
from unmask.preprocess.faces.mtcnn import LANDMARK_SIDE
from unmask.preprocess.faces.tracking import SAME_FACE_IOU, FaceTrack, compute_iou, interpolate_landmarks
from unmask.preprocess.shards.media_item import MOUTH_SIDE

# Side of a crop in face sides (`UPRIGHT` without margin): from the nose to the chin, about twice the mouth's width.
SIDE = 64 / 112
# Frames per second in which landmarks are looked for; between them they are interpolated. Measured in benchmarks/mouth.
LANDMARKS_PER_SECOND = 6.25
# The network looks again, around the box that it found, where that overlaps the interpolated one by less than this.
SAME_BOX_IOU = 0.7
# Standard deviation of the Gaussian that smooths position, size and tilt of the crops: with the landmarks alone crops
# jitter by a tenth of the mouth's width.
SMOOTH_S = 0.06
# A mouth that moves by more than this part of the face's side between two searches is another shot.
CUT = 0.5

Points = NDArray[np.float32]
"""(U, 5, 2) eyes, nose, mouth corners in pixels of the full frame"""


@dataclass(frozen=True, slots=True)
class Mouth:
    """Crops of one mouth."""

    crops: NDArray[np.uint8]
    """(U, MOUTH_SIDE, MOUTH_SIDE) gray, full range"""
    found: NDArray[np.bool_]
    """(U,) landmarks were found in the frame, or in those before and after it between which they are interpolated."""

    def repeat(self, frames: NDArray[np.int64]) -> Mouth:
        """The crops with these indices; none if there are none."""
        if not len(self.crops):
            return self
        return Mouth(self.crops[frames], self.found[frames])


NO_MOUTH = Mouth(np.zeros((0, MOUTH_SIDE, MOUTH_SIDE), np.uint8), np.zeros(0, np.bool_))


def extract_mouth(
    frames: Sequence[Luma],
    times: NDArray[np.float64],
    track: FaceTrack,
    face_times: NDArray[np.float64],
    min_confidence: float,
) -> Mouth:
    """The mouth of `track` in `frames`, shown from `times` (U,) ascending; the track's frames from `face_times` (F,).

    Without crops if there are no frames, or if the face was detected in none of the track's.
    """
    detected = interpolate_landmarks(track)
    if detected is None or not len(frames):
        return NO_MOUTH
    searched = select_searched(times)
    points, scores = find_landmarks(frames, times, searched, track.boxes, face_times, min_confidence)
    seen = scores >= min_confidence
    found = np.interp(times, times[searched], seen) == 1
    points, at = (points[seen], times[searched][seen]) if seen.any() else (detected, face_times)
    squares = smooth_squares(points, at, times)
    return Mouth(crop_mouths(frames, squares), np.asarray(found, np.bool_))


def select_searched(times: NDArray[np.float64], per_second: float = LANDMARKS_PER_SECOND) -> NDArray[np.int64]:
    """Indices of the frames in which landmarks are looked for: `per_second` of them, and the last one."""
    # A thousandth, because a frame at the very end of a section must not fall into it by rounding.
    section = np.floor((times - times[0]) * per_second + 1e-3)
    return np.unique(np.append(np.unique(section, return_index=True)[1], len(times) - 1)).astype(np.int64)


def interpolate_boxes(
    boxes: NDArray[np.floating], at: NDArray[np.float64], times: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(U, 4) the boxes (F, 4) of times `at` (F,) at `times` (U,): the nearest one where the shot changes."""
    joined = np.array([float(compute_iou(a, b[None])[0]) >= SAME_FACE_IOU for a, b in pairwise(boxes)], np.bool_)
    return _interpolate(boxes, at, times, joined)


def find_landmarks(
    frames: Sequence[Luma],
    times: NDArray[np.float64],
    searched: NDArray[np.int64],
    boxes: NDArray[np.float32],
    face_times: NDArray[np.float64],
    min_confidence: float,
) -> tuple[Points, NDArray[np.float32]]:
    """Landmarks (N, 5, 2) and scores (N,) of one face in the frames `searched` (N,), shown from `times` (U,).

    The face's `boxes` (F, 4) at `face_times` (F,) are half a second apart and can be half a mouth off between them. So
    the network looks again where the box has moved, and where it finds no face.
    """
    chosen = [frames[k] for k in searched]
    tracked = interpolate_boxes(boxes, face_times, times[searched])
    corrected, points, scores = _refine(chosen, tracked)
    overlap = np.array([compute_iou(box, other[None])[0] for box, other in zip(corrected, tracked, strict=True)])
    again = np.flatnonzero((overlap < SAME_BOX_IOU) | (scores < min_confidence))
    if len(again):
        _, points[again], scores[again] = _refine([chosen[k] for k in again], corrected[again])
    return points, scores


def smooth_squares(points: Points, at: NDArray[np.float64], times: NDArray[np.float64]) -> list[RotatedSquare]:
    """The mouth's square at each of `times` (U,), from the landmarks `points` (N, 5, 2) at the times `at` (N,).

    Size and tilt are those of the whole face, as `fit_square` aligns it; the center is that between the mouth corners.
    All are interpolated, and smoothed within a shot.
    """
    faces = [fit_square(five, margin=0.0) for five in points]
    middles = points[:, 3:].mean(axis=1).astype(np.float64)
    slopes = np.array([face.side * np.exp(1j * face.tilt) for face in faces])
    values = np.concatenate([middles, slopes.real[:, None], slopes.imag[:, None]], axis=1)
    moved = np.linalg.norm(np.diff(middles, axis=0), axis=1)
    joined = moved <= CUT * np.minimum(np.abs(slopes[1:]), np.abs(slopes[:-1]))
    # The shot of each frame: that of the landmarks nearest to it.
    shots = np.append(0, np.cumsum(~joined))[np.abs(times[:, None] - at[None]).argmin(axis=1)]
    values = _interpolate(values, at, times, joined)
    weights = np.exp(-0.5 * ((times[:, None] - times[None]) / SMOOTH_S) ** 2) * (shots[:, None] == shots[None])
    values = weights @ values / weights.sum(axis=1, keepdims=True)
    x, y, real, imaginary = values.T
    side, tilt = np.maximum(np.hypot(real, imaginary) * SIDE, 1.0), np.arctan2(imaginary, real)
    return [
        RotatedSquare(x=float(x[k]), y=float(y[k]), side=float(side[k]), tilt=float(tilt[k])) for k in range(len(x))
    ]


def _refine(
    frames: Sequence[Luma], boxes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], Points, NDArray[np.float32]]:
    """Boxes (N, 4), landmarks (N, 5, 2) and scores (N,) that the network finds in the square around each box (N, 4)."""
    regions = np.stack([_place_region(box, frame) for box, frame in zip(boxes, frames, strict=True)])
    crops = np.stack([_crop_region(frame, region) for frame, region in zip(frames, regions, strict=True)])
    refined = load_mtcnn().refine(crops)
    corner, size = regions[:, None, :2], (regions[:, 2:] - regions[:, :2])[:, None]
    corners = corner + refined.boxes.reshape(-1, 2, 2) * size
    return corners.reshape(-1, 4), (corner + refined.landmarks * size).astype(np.float32), refined.scores


def crop_mouths(frames: Sequence[Luma], squares: Sequence[RotatedSquare]) -> NDArray[np.uint8]:
    """(U, MOUTH_SIDE, MOUTH_SIDE) gray crops, in full range."""
    crops = []
    for frame, square in zip(frames, squares, strict=True):
        step = frame.step
        here = RotatedSquare(x=square.x / step, y=square.y / step, side=square.side / step, tilt=square.tilt)
        crops.append(frame.expand(np.asarray(crop_rotated(frame.pixels, here, MOUTH_SIDE, fast=True))))
    return np.stack(crops)


def _interpolate(
    values: NDArray[np.floating], at: NDArray[np.float64], times: NDArray[np.float64], joined: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """`values` (N, D) of times `at` at `times`; the nearest one outside, and between two that are not `joined`."""
    columns = [np.interp(times, at, column) for column in values.T]
    smooth = np.stack(columns, axis=1)
    nearest = values[np.abs(times[:, None] - at[None]).argmin(axis=1)]
    gap = np.clip(np.searchsorted(at, times, side="right") - 1, 0, max(0, len(at) - 2))
    is_joined = joined[gap] if len(joined) else np.ones(len(times), np.bool_)
    return np.where(is_joined[:, None], smooth, nearest)


def _place_region(box: NDArray[np.float64], frame: Luma) -> NDArray[np.float64]:
    """(4,) the square around the box, as far as it lies in the frame; pixels of the full frame."""
    center, side = (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).max())
    limits = np.array(frame.pixels.shape[::-1], np.float64) * frame.step
    low = np.clip(center - side / 2, 0, limits - frame.step)
    return np.concatenate([low, np.clip(center + side / 2, low + frame.step, limits)])


def _crop_region(frame: Luma, region: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(LANDMARK_SIDE, LANDMARK_SIDE) gray."""
    x0, y0, x1, y1 = (float(value) for value in region / frame.step)
    size = LANDMARK_SIDE, LANDMARK_SIDE
    crop = Image.fromarray(frame.pixels).resize(size, Image.Resampling.BILINEAR, box=(x0, y0, x1, y1))
    return frame.expand(np.asarray(crop))
