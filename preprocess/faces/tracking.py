"""Tracking of faces over the frames of a clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from unmask.preprocess.faces.types import Detections

# Frames of a clip are up to half a second apart: a head that moves half its width still overlaps this much with itself.
SAME_FACE_IOU = 0.2
# Another face of this fraction of the area of the one that is followed could be meant as well.
SIMILAR_SIZE = 0.5
# A secondary face must be detected in this fraction of the frames, which excludes posters and false positives.
MIN_SECONDARY_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceTrack:
    """One face, or the region cropped instead, in every frame of a clip."""

    boxes: NDArray[np.float32]
    """(F, 4) x0, y0, x1, y1 in pixels of the full frame; interpolated or taken from the nearest frame where nothing was
    detected.
    """
    landmarks: NDArray[np.float32]
    """(F, 5, 2) in the same pixels; NaN exactly in the frames where this face was not detected."""
    confidence: NDArray[np.float32]
    """(F,) 0..1; NaN exactly in the frames where this face was not detected."""
    weight: float = 0.0
    """Sum of area times confidence over the frames in which it was detected, in pixels of the full frame."""


@dataclass(eq=False)
class _Track:
    """The detections of one face."""

    seen: list[tuple[int, int]] = field(default_factory=list)
    """(frame, index of the detection in it), ascending."""
    weight: float = 0.0
    """Sum of area times confidence over the clip."""
    masked: float = 0.0
    """Pixels of the manipulated region in its boxes over the clip."""

    @property
    def span(self) -> tuple[int, int]:
        return self.seen[0][0], self.seen[-1][0]


def track_faces(
    frames: Sequence[Detections], max_faces: int = 1, masked: Sequence[NDArray[np.float32]] | None = None
) -> list[FaceTrack]:
    """Up to `max_faces` tracks, dominant face (largest and most confident over all frames) first.

    `masked`: per frame (K,) pixels of the manipulated region in the box of each face. The face with most of them over
    all frames is first then, and the size decides only among faces without any.

    Empty when no frame has a face. After a cut a face overlaps no earlier box, so tracks that do not overlap in time
    are joined, dominant ones first: each shot contributes its face. A detection is in at most one track.
    """
    found = _link_detections(frames)
    if masked is not None:
        for one in found:
            one.masked = sum(float(masked[frame][k]) for frame, k in one.seen)
    left = sorted(found, key=lambda one: (-one.masked, -one.weight, one.span))
    tracks: list[FaceTrack] = []
    while left and len(tracks) < max_faces:
        chosen: list[_Track] = []
        for one in left:
            if all(one.span[1] < other.span[0] or other.span[1] < one.span[0] for other in chosen):
                chosen.append(one)
        left = [one for one in left if one not in chosen]
        if not tracks or sum(len(one.seen) for one in chosen) >= MIN_SECONDARY_SHARE * len(frames):
            tracks.append(_interpolate(frames, sorted(chosen, key=lambda one: one.span)))
    return tracks


def is_ambiguous(tracks: Sequence[FaceTrack]) -> bool:
    """Is another face about as large as the first of `tracks`, which is followed?"""
    return any(track.weight >= SIMILAR_SIZE * tracks[0].weight for track in tracks[1:])


def interpolate_landmarks(track: FaceTrack) -> NDArray[np.float32] | None:
    """(F, 5, 2) landmarks, interpolated between detections and taken from the nearest one outside.

    None if the face was detected in no frame.
    """
    seen = np.flatnonzero(~np.isnan(track.confidence))
    if not len(seen):
        return None
    flat = track.landmarks[seen].reshape(len(seen), -1)
    frames = np.arange(len(track.confidence))
    columns = [np.interp(frames, seen, flat[:, column]) for column in range(flat.shape[1])]
    return np.stack(columns, axis=1).reshape(-1, *track.landmarks.shape[1:]).astype(np.float32)


def make_center_track(frames: int, height: int, width: int) -> FaceTrack:
    """The center square of every frame, marked as not detected."""
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    return FaceTrack(
        boxes=np.tile(np.array([left, top, left + side, top + side], np.float32), (frames, 1)),
        landmarks=np.full((frames, 5, 2), np.nan, np.float32),
        confidence=np.full(frames, np.nan, np.float32),
    )


def compute_iou(box: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.float32]:
    """(K,) intersection over union of `box` (4,) with `others` (K, 4)."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    return np.asarray(shared / (_compute_area(box) + _compute_area(others) - shared), np.float32)


def _compute_area(boxes: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]), np.float32)


def _link_detections(frames: Sequence[Detections]) -> list[_Track]:
    """Tracks that hold every detection once: it joins the free track whose last box it overlaps most, or starts one."""
    tracks: list[_Track] = []
    last: list[NDArray[np.float32]] = []
    for number, detections in enumerate(frames):
        free = set(range(len(tracks)))
        for k in np.argsort(-_compute_area(detections.boxes), kind="stable").tolist():
            box = detections.boxes[k]
            scores = {t: float(compute_iou(box, last[t][None])[0]) for t in sorted(free)}
            best = max(scores, key=scores.__getitem__, default=-1)
            if best < 0 or scores[best] < SAME_FACE_IOU:
                best = len(tracks)
                tracks.append(_Track())
                last.append(box)
            free.discard(best)
            last[best] = box
            tracks[best].seen.append((number, k))
            tracks[best].weight += float(_compute_area(box)) * float(detections.confidence[k])
    return tracks


def _interpolate(frames: Sequence[Detections], chosen: Sequence[_Track]) -> FaceTrack:
    """Boxes interpolated inside a track, taken from the nearest frame between tracks and at the ends."""
    count = len(frames)
    boxes = np.full((count, 4), np.nan, np.float32)
    landmarks = np.full((count, 5, 2), np.nan, np.float32)
    confidence = np.full(count, np.nan, np.float32)
    for one in chosen:
        seen = [number for number, _ in one.seen]
        corners = np.stack([frames[number].boxes[k] for number, k in one.seen])
        inside = np.arange(one.span[0], one.span[1] + 1)
        boxes[inside] = np.stack([np.interp(inside, seen, corners[:, side]) for side in range(4)], axis=1)
        for number, k in one.seen:
            landmarks[number], confidence[number] = frames[number].landmarks[k], frames[number].confidence[k]
    filled = np.flatnonzero(~np.isnan(boxes[:, 0]))
    nearest = filled[np.abs(np.arange(count)[:, None] - filled[None]).argmin(axis=1)]
    weight = sum(one.weight for one in chosen)
    return FaceTrack(boxes=boxes[nearest], landmarks=landmarks, confidence=confidence, weight=weight)
