"""Faces in frames: facenet-pytorch's MTCNN, run on reduced frames; boxes are given in pixels of the full frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from facenet_pytorch import MTCNN
from numpy.typing import NDArray
from PIL import Image

# Looked at first, at a quarter of the cost of 640 px: on real videos it gave the very faces that full frames gave,
# and the frames in which it gives none are looked at again.
FIRST_SIDE = 320
# Faces smaller than this share of a frame's short side are not looked for: the smallest sizes cost the most, and a
# face of 8 % is 86 px in a 1080p frame, about the smallest in the datasets.
SMALLEST_SHARE = 0.08
# Below this the networks see noise (R-Net looks at 24 px).
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


def detect(frames: NDArray[np.uint8], *, detect_side: int, min_confidence: float) -> list[Detections]:
    """Faces of each of `frames` (F, H, W, 3) uint8 RGB, of equal size, found together in one batch.

    They are looked for on frames reduced to `FIRST_SIDE`, in frames without any on such of `detect_side`. When no frame
    has any, the frames may be faces cropped so tightly that their outline is missing: they are tried once more with a
    grey border.
    """
    found = [NOTHING] * len(frames)
    for side in sorted({min(FIRST_SIDE, detect_side), min(detect_side, max(FIRST_SIDE, *frames.shape[1:3]))}):
        open_frames = [number for number, each in enumerate(found) if not len(each)]
        if open_frames:
            # Full frames are large: a selection of all of them would be a copy.
            looked_at = frames if len(open_frames) == len(frames) else frames[open_frames]
            small, scale = _reduced(looked_at, side)
            for number, each in zip(open_frames, _run(small, scale, (0, 0), min_confidence), strict=True):
                found[number] = each
    if any(len(each) for each in found):
        return found
    small, scale = _reduced(frames, min(FIRST_SIDE, detect_side))
    border = small.shape[1] // 2, small.shape[2] // 2
    padded = np.pad(small, ((0, 0), (border[0],) * 2, (border[1],) * 2, (0, 0)), constant_values=BORDER_GREY)
    return _run(padded, scale, border, min_confidence)


@cache
def _detector() -> Any:
    """One a process, made when first needed. Channels last: its pooling is three to five times faster so on a CPU."""
    return MTCNN(device=torch.device("cpu")).eval().to(memory_format=torch.channels_last)


def _reduced(frames: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """Frames with a longer side of at most `side`, and their scale (y, x) against the full ones."""
    height, width = frames.shape[1:3]
    scale = min(1.0, side / max(height, width))
    if min(height, width) < ENLARGE_BELOW:
        scale = min(ENLARGE_BELOW / min(height, width), side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size == (width, height):
        return frames, (1.0, 1.0)
    # reducing_gap averages whole blocks first: three times faster on large frames, and detection does not need more.
    reduced = [Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0) for frame in frames]
    return np.stack([np.asarray(frame) for frame in reduced]), (size[1] / height, size[0] / width)


def _run(
    frames: NDArray[np.uint8], scale: tuple[float, float], border: tuple[int, int], min_confidence: float
) -> list[Detections]:
    short = min(frames.shape[1:3])
    if short < SMALLEST_PIXELS:  # MTCNN fails on frames smaller than the smallest face
        return [NOTHING] * len(frames)
    detector = _detector()
    detector.min_face_size = max(SMALLEST_PIXELS, SMALLEST_SHARE * short)
    with torch.inference_mode():
        boxes, confidence, landmarks = detector.detect(frames, landmarks=True)
    to_full = np.array([1 / scale[1], 1 / scale[0]], np.float32)
    shift = np.array([border[1], border[0]], np.float32)
    return [_checked(boxes[i], confidence[i], landmarks[i], shift, to_full, min_confidence) for i in range(len(frames))]


def _checked(
    boxes: Any, confidence: Any, landmarks: Any, shift: NDArray[np.float32], to_full: NDArray[np.float32], least: float
) -> Detections:
    """MTCNN's object arrays (None:

    no face) as float32 in pixels of the full frame, weak and degenerate faces left out.
    """
    if boxes is None:
        return NOTHING
    corners = (_float32(boxes).reshape(-1, 2, 2) - shift) * to_full
    points = (_float32(landmarks).reshape(-1, 5, 2) - shift) * to_full
    sure = _float32(confidence).reshape(-1)
    good = (sure >= least) & (corners[:, 1] > corners[:, 0]).all(axis=1)
    return Detections(boxes=corners.reshape(-1, 4)[good], landmarks=points[good], confidence=sure[good])


def _float32(values: Sequence[Any]) -> NDArray[np.float32]:
    return np.asarray([np.asarray(value, dtype=np.float32) for value in values], dtype=np.float32)
