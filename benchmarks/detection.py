"""Detection from key frames compared with a full search of every frame: faces missed and added, crops, processor time.

UNMASK_CORPUS names a folder of media, or several separated by colons. The margins of the search were chosen on every
other video of such folders, so only the videos between those are measured.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.figures import Figures, NotMeasured, find_corpora
from unmask.media.media_kind import KINDS
from unmask.media.timeline import read_timeline
from unmask.preprocess.clip_frames import read_clips, select_frames
from unmask.preprocess.faces.cropping import place_square
from unmask.preprocess.faces.detection import detect, load_mtcnn
from unmask.preprocess.faces.mtcnn_networks import MaxPool
from unmask.preprocess.faces.tracking import compute_iou, track_faces
from unmask.preprocess.faces.types import Detections
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.task import Task
from unmask.preprocess.trim_silence import plan_clips
from unmask.preprocess.worker import preprocess_item, warm_up

Result = TypeVar("Result")

NEW = PreprocessSettings()
EVERY = NEW.changed({"full_search_every": 1})
SAME_FACE = 0.5
# Pixels of the crop by which its corners may differ.
PIXEL = 1.0


@dataclass
class _Counts:
    """Sums over the measured videos of a folder."""

    videos: int = 0
    frames: int = 0
    missed: int = 0
    """Frames without a face that a full search finds."""
    added: int = 0
    """Frames with a face that a full search does not find."""
    crops: int = 0
    """Of the followed face."""
    equal: int = 0
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def time(self, name: str, function: Callable[[], Result]) -> Result:
        began = time.process_time()
        result = function()
        self.seconds[name] += time.process_time() - began
        return result


def main() -> str:
    roots = [Path(name) for name in os.environ.get("UNMASK_CORPUS", "").split(os.pathsep) if name]
    if not roots or not all(root.is_dir() for root in roots):
        return "not measured: set UNMASK_CORPUS to a folder with videos"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return "\n".join(compare_searches(root) for root in roots)
    finally:
        torch.set_num_threads(threads)


def measure() -> Figures:
    """All folders of UNMASK_CORPUS together; seconds of one core per video are for the scale model."""
    threads, roots, counts = torch.get_num_threads(), find_corpora(), _Counts()
    torch.set_num_threads(1)
    try:
        for root in roots:
            count_searches(root, counts)
    finally:
        torch.set_num_threads(threads)
    if not counts.frames or not counts.crops:
        raise NotMeasured("no video with faces in the folders of UNMASK_CORPUS")
    seconds = counts.seconds
    before, every, new = (seconds[name] for name in ("every frame, torch's pooling", "every frame", "key frames"))
    decoding = seconds["reading and all searches"] - before - every - new
    return {
        "time": new / before,
        "missed": counts.missed / counts.frames,
        "crops": counts.equal / counts.crops,
        "stage": seconds["stage, key frames"] / (decoding + before),
        "decoding, core s per video": decoding / counts.videos,
        "detection, core s per video": new / counts.videos,
        "stage, core s per video": seconds["stage, key frames"] / counts.videos,
    }


def compare_searches(root: Path) -> str:
    counts = _Counts()
    count_searches(root, counts)
    return _describe(root, counts)


def count_searches(root: Path, counts: _Counts) -> None:
    """Add the measured videos of `root` to `counts`."""
    warm_up()
    for path in sorted(path for path in root.rglob("*") if KINDS.get(path.suffix.lower()) == "video")[1::2]:
        counts.videos += 1
        counts.time("reading and all searches", lambda path=path: _search_film(path, counts))  # type: ignore[misc]
        for name, settings in (("stage, every frame", EVERY), ("stage, key frames", NEW)):
            task = Task(media_id="", content="", path=path, kind="video", text=None, settings=settings)
            counts.time(name, lambda task=task: preprocess_item(task))  # type: ignore[misc]


def _search_film(path: Path, counts: _Counts) -> None:
    def search(frames: NDArray[np.uint8], _: int) -> None:
        with _torch_pooling():
            counts.time("every frame, torch's pooling", lambda: detect(frames, EVERY))
        full = counts.time("every frame", lambda: detect(frames, EVERY))
        found = counts.time("key frames", lambda: detect(frames, NEW))
        counts.frames += len(frames)
        counts.missed += sum(_lacks(b, a) for a, b in zip(full, found, strict=True))
        counts.added += sum(_lacks(a, b) for a, b in zip(full, found, strict=True))
        squares, others = (_place_crops(each, *frames.shape[1:3]) for each in (full, found))
        if squares is not None:
            counts.crops += len(squares)
            counts.equal += 0 if others is None else int(_are_equal(squares, others).sum())

    timeline = read_timeline(path, max_pixels=NEW.max_pixels, max_seconds=NEW.max_seconds)
    windows = plan_clips(timeline.start_s, timeline.end_s, None, NEW).windows
    read_clips(path, timeline, [select_frames(timeline, each, NEW.frames_per_clip) for each in windows], search)


def _lacks(found: Detections, wanted: Detections) -> bool:
    """Whether a face of `wanted` is not in `found`."""
    overlaps = [compute_iou(box, found.boxes) for box in wanted.boxes]
    return any(not len(each) or each.max() < SAME_FACE for each in overlaps)


def _place_crops(detections: list[Detections], height: int, width: int) -> NDArray[np.float64] | None:
    """(F, 4) squares of the followed face's crops."""
    tracks = track_faces(detections)
    if not tracks:
        return None
    return np.array([place_square(box, height, width, NEW.margin) for box in tracks[0].boxes])


def _are_equal(squares: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    pixel = (squares[:, 2] - squares[:, 0]) / NEW.face_size
    return np.asarray(np.abs(squares - others).max(axis=1) <= PIXEL * pixel, np.bool_)


@contextmanager
def _torch_pooling() -> Iterator[None]:
    """The networks as they were before `MaxPool`."""
    mtcnn = load_mtcnn()
    ours = [
        (network, name, layer)
        for network in (mtcnn._pnet, mtcnn._rnet, mtcnn._onet)
        for name, layer in list(network.named_children())
        if isinstance(layer, MaxPool)
    ]
    for network, name, layer in ours:
        setattr(network, name, nn.MaxPool2d(layer.side, 2, ceil_mode=True))
    try:
        yield
    finally:
        for network, name, layer in ours:
            setattr(network, name, layer)


def _describe(root: Path, counts: _Counts) -> str:
    seconds, frames = counts.seconds, max(counts.frames, 1)
    before, every, new = (seconds[name] for name in ("every frame, torch's pooling", "every frame", "key frames"))
    decoding = seconds["reading and all searches"] - before - every - new
    stage = seconds["stage, key frames"]
    return "\n".join(
        [
            f"{root.name}: {counts.videos} videos, {counts.frames} frames; processor time of one core",
            f"    frames in which a face of the full search is missed: {counts.missed / frames:.2%} (aim 1 %)",
            f"    frames in which a face is added: {counts.added / frames:.2%}",
            f"    crops within {PIXEL:g} of {NEW.face_size} pixels: {counts.equal / counts.crops:.2%} (aim 99 %)",
            f"    decoding {decoding:.2f} s; every frame searched, torch's pooling: {before:.2f} s",
            f"    every frame searched: {every:.2f} s, {every / before:.2f} times that (the same boxes)",
            f"    key frames searched, the others around their faces: {new:.2f} s, {new / before:.2f} times (aim 0.33)",
            f"    the stage: {stage:.2f} s, {stage / seconds['stage, every frame']:.2f} times that with every frame"
            f" searched, {stage / (decoding + before):.2f} times decoding and the first search together (aim 0.70)",
        ]
    )
