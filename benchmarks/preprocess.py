"""Decoding and face detection on real videos, compared with the usual loop: decord, then facenet-pytorch per frame.

Both get the same frames and one thread, and processor time is measured, so the ratios hold for one core. UNMASK_CORPUS
names the folder of videos.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import av
import decord
import numpy as np
import torch
from facenet_pytorch import MTCNN
from numpy.typing import NDArray

from benchmarks.figures import Figures, find_corpus
from benchmarks.timing import in_turn
from unmask.media.timeline import Timeline, read_timeline
from unmask.preprocess.clip_frames import read_clips, select_frames
from unmask.preprocess.clip_windows import Window
from unmask.preprocess.faces.detection import Detections, detect
from unmask.preprocess.faces.tracking import compute_iou
from unmask.preprocess.profiles import PreprocessSettings

# Longer side of the measured videos, and the ratio to reach.
AIMS = {1920: 4.0, 512: 1.5}
MAX_FILES = 6
SAME_FACE = 0.7
SETTINGS = PreprocessSettings()

Boxes = NDArray[np.float32]


@dataclass
class _Recall:
    """How many of the usual loop's confident faces are detected here too."""

    detected: int = 0
    total: int = 0

    def add(self, face: Boxes, ours: Boxes) -> None:
        self.total += 1
        self.detected += bool(len(ours)) and bool(compute_iou(face, ours).max() > SAME_FACE)

    def __str__(self) -> str:
        return f"{self.detected} of {self.total} ({self.detected / max(self.total, 1):.1%})"


@dataclass
class _Measured:
    """Results of the last run of each variant."""

    detected: dict[Path, list[Detections]] = field(default_factory=dict)
    usual: dict[Path, list[Boxes]] = field(default_factory=dict)
    short: dict[Path, int] = field(default_factory=dict)
    """Pixels of a frame's short side."""


def main() -> str:
    root = os.environ.get("UNMASK_CORPUS")
    if not root or not Path(root).is_dir():
        return "not measured: set UNMASK_CORPUS to a folder with videos"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return "\n".join(compare_with_usual_loop(Path(root), side) for side in AIMS)
    finally:
        torch.set_num_threads(threads)


def measure() -> Figures:
    """Speed relative to the usual loop's at each size, and the share of its larger faces that are detected here."""
    root, figures, detected, total = find_corpus(), Figures(), 0, 0
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for side in AIMS:
            if paths := find_videos(root, side):
                seconds, measured = _time_variants(paths)
                figures[f"{side} px"] = seconds["usual"] / seconds["ours"]
                large, _ = _compute_recalls(measured)
                detected, total = detected + large.detected, total + large.total
    finally:
        torch.set_num_threads(threads)
    return figures | ({"faces": detected / total} if total else {})


def compare_with_usual_loop(root: Path, side: int) -> str:
    paths = find_videos(root, side)
    if not paths:
        return f"{side} px: no such video in {root}"
    seconds, measured = _time_variants(paths)
    ratio = seconds["usual"] / seconds["ours"]
    large, every = _compute_recalls(measured)
    return "\n".join(
        [
            f"{side} px, {len(paths)} videos: {ratio:.1f} times the usual loop's speed (aim {AIMS[side]:g})",
            *(f"    {name:10} {taken / len(paths):8.2f} s per video" for name, taken in seconds.items()),
            f"    its faces detected here: {large}; with those under {SETTINGS.smallest_face:.0%} of the frame {every}",
        ]
    )


def _time_variants(paths: list[Path]) -> tuple[dict[str, float], _Measured]:
    measured, detector = _Measured(), MTCNN(keep_all=True)
    variants: dict[str, Callable[[], object]] = {
        "usual": lambda: [_detect_as_usual(path, detector, measured) for path in paths],
        "ours": lambda: [_detect_batched(path, measured) for path in paths],
        "decoding": lambda: [_decode(path) for path in paths],
    }
    return in_turn(variants, rounds=1, clock=time.process_time), measured


def find_videos(root: Path, side: int) -> list[Path]:
    """Up to `MAX_FILES` videos whose longer side is `side` pixels."""
    paths = []
    for path in sorted(root.rglob("*.mp4")):
        with av.open(str(path)) as container:
            context = container.streams.video[0].codec_context
            if max(context.width, context.height) == side:
                paths.append(path)
    return paths[:MAX_FILES]


def pick_frames(timeline: Timeline) -> list[NDArray[np.int64]]:
    """Frame positions of each clip: consecutive clips from the beginning."""
    length = SETTINGS.clip_seconds
    count = min(SETTINGS.max_clips, max(1, int((timeline.end_s - timeline.start_s) / length)))
    begins = [timeline.start_s + length * number for number in range(count)]
    chosen = [Window(begin, min(begin + length, timeline.end_s)) for begin in begins]
    return [select_frames(timeline, window, SETTINGS.frames_per_clip) for window in chosen]


def _read_timeline(path: Path) -> Timeline:
    return read_timeline(path, max_pixels=SETTINGS.max_pixels, max_seconds=SETTINGS.max_seconds)


def _decode(path: Path) -> None:
    timeline = _read_timeline(path)
    read_clips(path, timeline, pick_frames(timeline), lambda frames, _: len(frames))


def _detect_batched(path: Path, measured: _Measured) -> None:
    timeline = _read_timeline(path)
    clips, _ = read_clips(path, timeline, pick_frames(timeline), lambda frames, _: detect(frames, SETTINGS))
    measured.detected[path] = [detections for clip in clips for detections in clip]


def _detect_as_usual(path: Path, detector: MTCNN, measured: _Measured) -> None:
    timeline = _read_timeline(path)
    reader = decord.VideoReader(str(path), num_threads=1)
    frames = reader.get_batch(np.concatenate(pick_frames(timeline)).tolist()).asnumpy()
    measured.usual[path] = [_select_confident(*detector.detect(frame)) for frame in frames]
    measured.short[path] = min(frames.shape[1:3])


def _select_confident(boxes: NDArray[np.object_] | None, confidence: NDArray[np.object_]) -> Boxes:
    if boxes is None:
        return np.zeros((0, 4), np.float32)
    confident = np.asarray(confidence, np.float32) >= SETTINGS.min_confidence
    return np.asarray(boxes, np.float32)[confident]


def _compute_recalls(measured: _Measured) -> tuple[_Recall, _Recall]:
    """Recall of the faces of at least `smallest_face`, and of all faces."""
    large, every = _Recall(), _Recall()
    for path, frames in measured.usual.items():
        for usual, ours in zip(frames, measured.detected[path], strict=True):
            for face in usual:
                every.add(face, ours.boxes)
                if (face[2:] - face[:2]).max() >= SETTINGS.smallest_face * measured.short[path]:
                    large.add(face, ours.boxes)
    return large, every
