"""Faces of a clip window: detected, tracked and cropped, and their mouths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unmask.media.luma import Luma
from unmask.media.timeline import Timeline
from unmask.preprocess.clip_masks import Region, measure_regions
from unmask.preprocess.faces.cropping import crop_faces
from unmask.preprocess.faces.detection import detect
from unmask.preprocess.faces.mouth import NO_MOUTH, Mouth, extract_mouth
from unmask.preprocess.faces.tracking import FaceTrack, is_ambiguous, make_center_track, track_faces
from unmask.preprocess.profiles import PreprocessSettings


@dataclass(frozen=True, slots=True)
class ClipFace:
    """One face in the frames of a window."""

    crops: NDArray[np.uint8]
    track: FaceTrack
    mouth: Mouth = NO_MOUTH


@dataclass(frozen=True, slots=True)
class ClipFaces:
    """The faces of a window."""

    faces: list[ClipFace]
    ambiguous: bool
    """Several are of similar size, and no mask says which one is manipulated."""
    several: bool = False
    """There is more than one, whether it is cropped or not."""


def extract_faces(frames: NDArray[np.uint8], settings: PreprocessSettings, region: Region | None = None) -> ClipFaces:
    """The tracked faces of `frames` (F, H, W, 3), that of the manipulated `region` first.

    Without any: the center, or none under the policy "skip".
    """
    detections = [] if settings.detector == "none" else detect(frames, settings)
    masked = measure_regions(detections, region, *frames.shape[1:3])
    tracks = track_faces(detections, max(2, settings.max_faces), masked)
    ambiguous, several = masked is None and is_ambiguous(tracks), len(tracks) > 1
    if not tracks and (settings.detector == "none" or settings.no_face == "centre"):
        tracks = [make_center_track(*frames.shape[:3])]
    faces = [ClipFace(crop_faces(frames, each, settings), each) for each in tracks[: settings.max_faces]]
    return ClipFaces(faces, ambiguous, several)


def add_mouths(
    found: ClipFaces,
    lumas: Sequence[Luma],
    timeline: Timeline,
    shown: NDArray[np.int64],
    pick: NDArray[np.int64],
    min_confidence: float,
) -> ClipFaces:
    """With one mouth crop per face for each frame of `shown` (M,); none for a face detected in no frame of `pick`.

    `lumas` has each different frame of `shown` once, ascending: a frame that is shown twice is the same crop twice.
    """
    distinct, which = np.unique(shown, return_inverse=True)
    times, face_times = timeline.times[distinct], timeline.times[pick]
    mouths = [extract_mouth(lumas, times, face.track, face_times, min_confidence) for face in found.faces]
    pairs = zip(found.faces, mouths, strict=True)
    return replace(found, faces=[replace(face, mouth=mouth.repeat(which)) for face, mouth in pairs])
