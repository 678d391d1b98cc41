"""Face detection: MTCNN on reduced frames, with boxes in pixels of the full frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from unmask.preprocess.faces.focus import Focus
from unmask.preprocess.faces.image_pyramid import build_pyramid, reduce_frames
from unmask.preprocess.faces.key_frames import search_from_key_frames
from unmask.preprocess.faces.mtcnn import BatchedMTCNN
from unmask.preprocess.faces.types import Detections, SearchParameters
from unmask.preprocess.profiles import PreprocessSettings

# Longer side of the first search. It costs a quarter of a search at 640 px and found the same faces as full frames on
# real videos; frames without a detection are searched again at a larger size.
FIRST_SIDE = 320
# Below this the networks see noise (the input of the second one is 24 px).
SMALLEST_PIXELS = 20.0
# A smaller image is enlarged to this short side first, so that its face can reach `SMALLEST_PIXELS`.
ENLARGE_BELOW = 64
# Gray is 0 after MTCNN's normalization, so the border adds nothing that could look like a face.
BORDER_GRAY = 127

NO_DETECTIONS = Detections(
    boxes=np.zeros((0, 4), np.float32), landmarks=np.zeros((0, 5, 2), np.float32), confidence=np.zeros(0, np.float32)
)


@dataclass(frozen=True, slots=True)
class _SearchFrames:
    """Frames as they are searched, and the mapping to the full frames."""

    frames: NDArray[np.uint8]
    """(F, h, w, 3) RGB"""
    scale: NDArray[np.float32]
    """(2,) pixels (x, y) of the full frame per pixel."""
    border: NDArray[np.float32]
    """(2,) pixels (x, y) added left of and above the frame."""

    def select(self, chosen: NDArray[np.int64]) -> _SearchFrames:
        if len(chosen) == len(self.frames):
            return self
        return _SearchFrames(self.frames[chosen], self.scale, self.border)

    def map_from_full_frame(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (K, 4) of the full frame in pixels of the searched one."""
        return np.asarray(boxes.reshape(-1, 2, 2) / self.scale + self.border, np.float32).reshape(-1, 4)


def detect(frames: NDArray[np.uint8], settings: PreprocessSettings) -> list[Detections]:
    """Faces of each of `frames` (F, H, W, 3) uint8 RGB, detected in one batch, largest first.

    Frames are searched at `FIRST_SIDE`, between those of `full_search_every` only around their faces
    (key_frames.py); those without a detection again at `detect_side`. If no frame has a face, the frames may be face
    crops so tight that the outline is missing: they are searched once more with a gray border.
    """
    first = min(FIRST_SIDE, settings.detect_side)
    search = _reduce(frames, first)
    detections = search_from_key_frames(
        search.frames, settings.full_search_every, lambda chosen, near: _search(search.select(chosen), settings, near)
    )
    second = min(settings.detect_side, max(FIRST_SIDE, *frames.shape[1:3]))
    without = [number for number, each in enumerate(detections) if not len(each)]
    if without and second != first:
        # Full frames are large: indexing with all of them would copy.
        selected = frames if len(without) == len(frames) else frames[without]
        for number, each in zip(without, _search(_reduce(selected, second), settings), strict=True):
            detections[number] = each
    if any(len(each) for each in detections):
        return detections
    return _search(_add_border(search), settings)


@cache
def load_mtcnn() -> BatchedMTCNN:
    """The networks of this process."""
    return BatchedMTCNN()


def _reduce(frames: NDArray[np.uint8], side: int) -> _SearchFrames:
    """Frames with a longer side of at most `side`."""
    height, width = frames.shape[1:3]
    scale = min(1.0, side / max(height, width))
    if min(height, width) < ENLARGE_BELOW:
        scale = min(ENLARGE_BELOW / min(height, width), side / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    if size != (height, width):
        frames = reduce_frames(frames, size)
    return _SearchFrames(frames, np.array([width / size[1], height / size[0]], np.float32), np.zeros(2, np.float32))


def _add_border(search: _SearchFrames) -> _SearchFrames:
    """Add a border of half the frame's size on every side."""
    y, x = search.frames.shape[1] // 2, search.frames.shape[2] // 2
    frames = np.pad(search.frames, ((0, 0), (y, y), (x, x), (0, 0)), constant_values=BORDER_GRAY)
    return _SearchFrames(frames, search.scale, np.array([x, y], np.float32))


def _search(
    search: _SearchFrames, settings: PreprocessSettings, near: NDArray[np.float32] | None = None
) -> list[Detections]:
    """Faces of each frame; only those `near` boxes (K, 4) of the full frame, if there are any."""
    short = min(search.frames.shape[1:3])
    if short < SMALLEST_PIXELS:
        return [NO_DETECTIONS] * len(search.frames)
    smallest = max(SMALLEST_PIXELS, settings.smallest_face * short)
    parameters = SearchParameters(smallest=smallest, thresholds=settings.detector_thresholds)
    if near is None:
        detections = load_mtcnn().detect(build_pyramid(search.frames, smallest), parameters)
    else:
        focus = Focus(search.map_from_full_frame(near))
        detections = load_mtcnn().detect(build_pyramid(search.frames, smallest, focus.has_scale), parameters, focus)
    return [_map_to_full_frame(each, search, settings.min_confidence) for each in detections]


def _map_to_full_frame(detections: Detections, search: _SearchFrames, min_confidence: float) -> Detections:
    """Boxes in pixels of the full frame; weak and degenerate ones are dropped."""
    corners = (detections.boxes.reshape(-1, 2, 2) - search.border) * search.scale
    valid = (detections.confidence >= min_confidence) & (corners[:, 1] > corners[:, 0]).all(axis=1)
    return Detections(
        boxes=corners.reshape(-1, 4)[valid],
        landmarks=((detections.landmarks - search.border) * search.scale)[valid],
        confidence=detections.confidence[valid],
    )
