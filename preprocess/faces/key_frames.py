"""A full search of some frames of a window, the key frames, and between them only around the faces that these have.

F frames, K faces
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from unmask.preprocess.faces.focus import is_near
from unmask.preprocess.faces.types import Detections

# A frame that differs from the one before it by more than this many gray levels on average is a key frame. Where a cut
# changes less, a face that is not where it was is a loss.
CUT = 30.0
# Every so many pixels of a row and column are compared for it.
COMPARED = 4

Find = Callable[[NDArray[np.int64], NDArray[np.float32] | None], list[Detections]]
"""Faces of the frames of these numbers (N,); all of them, or only those near the boxes (K, 4)."""


def search_from_key_frames(frames: NDArray[np.uint8], every: int, find: Find) -> list[Detections]:
    """Faces of each of `frames` (F, H, W, 3), key frames being at most `every` frames apart.

    The others are searched around the faces of the key frames before and after them. Where a face of both is not there
    any more, or none at all, or one has moved so far that its surroundings may not hold it, the frame is searched
    everywhere. The result depends on these frames only, not on the other windows of the file.
    """
    keys = select_key_frames(frames, every)
    detections: dict[int, Detections] = dict(zip(keys.tolist(), find(keys, None), strict=True))
    cuts = find_cuts(frames) if len(keys) < len(frames) else np.zeros(0, np.int64)
    lost: list[int] = []
    for first, last in pairwise(keys.tolist()):
        between = np.arange(first + 1, last)
        if not len(between):
            continue
        around = [detections[first]] if last in cuts else [detections[first], detections[last]]
        near = np.concatenate([each.boxes for each in around])
        found = dict(zip(between.tolist(), find(between, near), strict=True)) if len(near) else {}
        detections |= found
        lost += [k for k in between.tolist() if k not in found or not _is_complete(found[k], around)]
    if lost:
        detections |= dict(zip(lost, find(np.array(lost), None), strict=True))
    return [detections[number] for number in range(len(frames))]


def select_key_frames(frames: NDArray[np.uint8], every: int) -> NDArray[np.int64]:
    """Numbers of the key frames of `frames` (F, H, W, 3): first, last, after a cut, evenly spaced between those."""
    if every == 1:
        return np.arange(len(frames))
    fixed = np.unique(np.concatenate([[0], find_cuts(frames), [len(frames) - 1]]))
    spans = [np.linspace(a, b, -(-(b - a) // every) + 1).round() for a, b in pairwise(fixed)]
    return np.unique(np.concatenate([fixed, *spans])).astype(np.int64)


def find_cuts(frames: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Numbers of the frames (F, H, W, 3) that differ from the one before them by more than `CUT`."""
    few = frames[:, ::COMPARED, ::COMPARED].astype(np.int16)
    return np.flatnonzero(np.abs(np.diff(few, axis=0)).mean(axis=(1, 2, 3)) > CUT) + 1


def _is_complete(found: Detections, around: Sequence[Detections]) -> bool:
    """Whether a frame has every face that its key frames share, and each of its faces is near one of theirs."""
    first, *others = [each.boxes for each in around]
    common = [box for box in first if all(is_near(box, other).any() for other in others)]
    known = np.concatenate([each.boxes for each in around])
    return (
        len(found) > 0
        and all(is_near(box, found.boxes).any() for box in common)
        and all(is_near(box, known).any() for box in found.boxes)
    )
