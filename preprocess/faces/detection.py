"""Faces in frames: MTCNN run on reduced frames; boxes are given in pixels of the full frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmask.preprocess.faces.detector import Found, Search, find_faces
from unmask.preprocess.faces.image_pyramid import reduced
from unmask.preprocess.profiles import PreprocessSettings

# Looked at first, at a quarter of the cost of 640 px: on real videos it gave the very faces that full frames gave,
# and the frames in which it gives none are looked at again.
FIRST_SIDE = 320
# Below this the networks see noise (the second one looks at 24 px).
SMALLEST_PIXELS = 20.0
# A smaller picture is enlarged to this short side first, so that its face can reach `SMALLEST_PIXELS`.
ENLARGE_BELOW = 64
# Grey is 0 after MTCNN's normalisation: the border adds nothing that could look like a face.
BORDER_GREY = 127


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """All faces found in one frame."""

    boxes: NDArray[np.float32]
    """(K, 4) x0, y0, x1, y1 in pixels of the full frame."""
    landmarks: NDArray[np.float32]
    """(K, 5, 2) eyes, nose, mouth corners, same pixels."""
    confidence: NDArray[np.float32]
    """(K,) 0..1"""

    def __len__(self) -> int:
        return len(self.confidence)


NOTHING = Detections(
    boxes=np.zeros((0, 4), np.float32), landmarks=np.zeros((0, 5, 2), np.float32), confidence=np.zeros(0, np.float32)
)


@dataclass(frozen=True, slots=True)
class _Look:
    """Frames as they are searched, and how they lie in the full ones."""

    frames: NDArray[np.uint8]
    scale: NDArray[np.float32]
    """(2,) pixels (x, y) of the full frame a pixel."""
    border: NDArray[np.float32]
    """(2,) pixels (x, y) left of and above the frame."""


def detect(frames: NDArray[np.uint8], settings: PreprocessSettings) -> list[Detections]:
    """Faces of each of `frames` (F, H, W, 3) uint8 RGB, of equal size, found together in one batch, largest first.

    They are looked for on frames reduced to `FIRST_SIDE`, in frames without any on such of `detect_side`. When no frame
    has any, the frames may be faces cropped so tightly that their outline is missing: they are tried once more with a
    grey border.
    """
    found = [NOTHING] * len(frames)
    first = min(FIRST_SIDE, settings.detect_side)
    for side in sorted({first, min(settings.detect_side, max(FIRST_SIDE, *frames.shape[1:3]))}):
        without = [number for number, each in enumerate(found) if not len(each)]
        if without:
            # Full frames are large: a selection of all of them would be a copy.
            looked_at = frames if len(without) == len(frames) else frames[without]
            for number, each in zip(without, _searched(_reduced(looked_at, side), settings), strict=True):
                found[number] = each
    if any(len(each) for each in found):
        return found
    return _searched(_bordered(_reduced(frames, first)), settings)


def _reduced(frames: NDArray[np.uint8], side: int) -> _Look:
    """Frames with a longer side of at most `side`."""
    height, width = frames.shape[1:3]
    scale = min(1.0, side / max(height, width))
    if min(height, width) < ENLARGE_BELOW:
        scale = min(ENLARGE_BELOW / min(height, width), side / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    if size != (height, width):
        frames = reduced(frames, size)
    return _Look(frames, np.array([width / size[1], height / size[0]], np.float32), np.zeros(2, np.float32))


def _bordered(look: _Look) -> _Look:
    """With a border of half the frame's size on every side."""
    y, x = look.frames.shape[1] // 2, look.frames.shape[2] // 2
    frames = np.pad(look.frames, ((0, 0), (y, y), (x, x), (0, 0)), constant_values=BORDER_GREY)
    return _Look(frames, look.scale, np.array([x, y], np.float32))


def _searched(look: _Look, settings: PreprocessSettings) -> list[Detections]:
    short = min(look.frames.shape[1:3])
    if short < SMALLEST_PIXELS:
        return [NOTHING] * len(look.frames)
    smallest = max(SMALLEST_PIXELS, settings.smallest_face * short)
    found = find_faces(look.frames, Search(smallest=smallest, thresholds=settings.detector_thresholds))
    return [_in_full(each, look, settings.min_confidence) for each in found]


def _in_full(found: Found, look: _Look, least: float) -> Detections:
    """In pixels of the full frame; weak and degenerate faces left out."""
    corners = (found.boxes.reshape(-1, 2, 2) - look.border) * look.scale
    good = (found.confidence >= least) & (corners[:, 1] > corners[:, 0]).all(axis=1)
    return Detections(
        boxes=corners.reshape(-1, 4)[good],
        landmarks=((found.landmarks - look.border) * look.scale)[good],
        confidence=found.confidence[good],
    )
