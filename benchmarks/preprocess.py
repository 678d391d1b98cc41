"""Decoding and face detection on real videos, against the usual loop: decord, then facenet-pytorch frame by frame.

Both get the same frames of the same files and one thread, and processor time is what counts, so the ratios are those of
one core. UNMASK_CORPUS names the folder of videos.
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

from benchmarks.timing import in_turn
from unmask.media.timeline import Timeline, read_timeline
from unmask.preprocess.clip_frames import frames_at, read_clips
from unmask.preprocess.clip_windows import Window
from unmask.preprocess.faces.detection import Detections, detect
from unmask.preprocess.faces.tracking import overlap
from unmask.preprocess.profiles import PreprocessSettings

# Longer side of the videos that are measured, and the ratio to reach.
AIMS = {1920: 4.0, 512: 1.5}
MOST_FILES = 6
SAME_FACE = 0.7
SETTINGS = PreprocessSettings()

Boxes = NDArray[np.float32]


@dataclass
class _Recall:
    """Of the usual loop's sure faces, how many ours finds again."""

    found: int = 0
    given: int = 0

    def add(self, face: Boxes, ours: Boxes) -> None:
        self.given += 1
        self.found += bool(len(ours)) and bool(overlap(face, ours).max() > SAME_FACE)

    def __str__(self) -> str:
        return f"{self.found} of {self.given} ({self.found / max(self.given, 1):.1%})"


@dataclass
class _Measured:
    """The results of the last call of each way."""

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
        return "\n".join(against_usual_loop(Path(root), side) for side in AIMS)
    finally:
        torch.set_num_threads(threads)


def against_usual_loop(root: Path, side: int) -> str:
    paths = videos(root, side)
    if not paths:
        return f"{side} px: no such video in {root}"
    measured, detector = _Measured(), MTCNN(keep_all=True)
    ways: dict[str, Callable[[], object]] = {
        "usual": lambda: [_usual(path, detector, measured) for path in paths],
        "ours": lambda: [_ours(path, measured) for path in paths],
        "decoding": lambda: [_decoded(path) for path in paths],
    }
    seconds = in_turn(ways, rounds=1, clock=time.process_time)
    ratio = seconds["usual"] / seconds["ours"]
    large, every = _recalls(measured)
    return "\n".join(
        [
            f"{side} px, {len(paths)} videos: {ratio:.1f} times the usual loop's speed (aim {AIMS[side]:g})",
            *(f"    {name:10} {taken / len(paths):8.2f} s a video" for name, taken in seconds.items()),
            f"    its faces found again: {large}; with those under {SETTINGS.smallest_face:.0%} of the frame {every}",
        ]
    )


def videos(root: Path, side: int) -> list[Path]:
    """Up to `MOST_FILES` videos whose longer side is `side` pixels."""
    found = []
    for path in sorted(root.rglob("*.mp4")):
        with av.open(str(path)) as container:
            context = container.streams.video[0].codec_context
            if max(context.width, context.height) == side:
                found.append(path)
    return found[:MOST_FILES]


def picks_of(timeline: Timeline) -> list[NDArray[np.int64]]:
    """Positions of the frames of each clip: clips end to end from the beginning."""
    length = SETTINGS.clip_seconds
    count = min(SETTINGS.max_clips, max(1, int((timeline.end_s - timeline.start_s) / length)))
    begins = [timeline.start_s + length * number for number in range(count)]
    chosen = [Window(begin, min(begin + length, timeline.end_s)) for begin in begins]
    return [frames_at(timeline, window, SETTINGS.frames_per_clip) for window in chosen]


def _timeline(path: Path) -> Timeline:
    return read_timeline(path, max_pixels=SETTINGS.max_pixels, max_seconds=SETTINGS.max_seconds)


def _decoded(path: Path) -> None:
    timeline = _timeline(path)
    read_clips(path, timeline, picks_of(timeline), len)


def _ours(path: Path, measured: _Measured) -> None:
    timeline = _timeline(path)
    clips, _ = read_clips(path, timeline, picks_of(timeline), lambda frames: detect(frames, SETTINGS))
    measured.detected[path] = [found for clip in clips for found in clip]


def _usual(path: Path, detector: MTCNN, measured: _Measured) -> None:
    timeline = _timeline(path)
    reader = decord.VideoReader(str(path), num_threads=1)
    frames = reader.get_batch(np.concatenate(picks_of(timeline)).tolist()).asnumpy()
    measured.usual[path] = [_sure(*detector.detect(frame)) for frame in frames]
    measured.short[path] = min(frames.shape[1:3])


def _sure(boxes: NDArray[np.object_] | None, confidence: NDArray[np.object_]) -> Boxes:
    if boxes is None:
        return np.zeros((0, 4), np.float32)
    sure = np.asarray(confidence, np.float32) >= SETTINGS.min_confidence
    return np.asarray(boxes, np.float32)[sure]


def _recalls(measured: _Measured) -> tuple[_Recall, _Recall]:
    """Of the faces that are at least as large as the smallest that ours looks for, and of all."""
    large, every = _Recall(), _Recall()
    for path, frames in measured.usual.items():
        for usual, ours in zip(frames, measured.detected[path], strict=True):
            for face in usual:
                every.add(face, ours.boxes)
                if (face[2:] - face[:2]).max() >= SETTINGS.smallest_face * measured.short[path]:
                    large.add(face, ours.boxes)
    return large, every
