"""The mouth stream on real videos: its landmarks compared with a full search of every frame, and what it costs.

UNMASK_CORPUS names a folder with videos. Differences are in widths of the mouth. Times are processor time of one core,
so that other work on the machine matters little; compare them within one run.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from benchmarks.codecs import BITSHUFFLE, Layout, format_table, make_blosc
from benchmarks.figures import Figures, NotMeasured, find_corpus
from unmask.media.luma import Luma
from unmask.media.timeline import Timeline, read_timeline
from unmask.preprocess.clip_frames import read_clips, read_clips_with_luma, select_frames, select_mouth_frames
from unmask.preprocess.faces.detection import detect
from unmask.preprocess.faces.mouth import NO_MOUTH, find_landmarks, select_searched, smooth_squares
from unmask.preprocess.faces.tracking import FaceTrack, interpolate_landmarks, track_faces
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.shards.media_item import MediaItem
from unmask.preprocess.shards.media_shard import write_shard
from unmask.preprocess.task import Task
from unmask.preprocess.trim_silence import plan_clips
from unmask.preprocess.worker import preprocess_item, warm_up

FPS = 25.0
WITHOUT = PreprocessSettings()
WITH = PreprocessSettings(mouth_fps=FPS)
MAX_FILES = 12
SURE = 0.9

Points = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Found:
    """Landmarks of one way in one window."""

    points: Points
    """(N, 5, 2)"""
    times: NDArray[np.float64]
    """(N,)"""
    share: float
    """Of the searched frames."""
    seconds: float


@dataclass(frozen=True, slots=True)
class _Window:
    """One window of a video, decoded."""

    frames: NDArray[np.uint8]
    lumas: list[Luma]
    times: NDArray[np.float64]
    """(U,) of both"""
    track: FaceTrack
    face_times: NDArray[np.float64]


def main() -> str:
    root = os.environ.get("UNMASK_CORPUS")
    if not root or not Path(root).is_dir():
        return "not measured: set UNMASK_CORPUS to a folder with videos"
    paths = _choose_videos(Path(root))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        warm_up()
        cost, mouths = compare_cost(paths)
        return f"{compare_landmarks(paths)}\n\n{cost}\n\n{compare_codecs(mouths)}"
    finally:
        torch.set_num_threads(threads)


def measure() -> Figures:
    """Time and bytes of the stage's own work with the mouth stream, relative to without."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        warm_up()
        _, seconds, size, _ = measure_cost(_choose_videos(find_corpus()))
    finally:
        torch.set_num_threads(threads)
    if not seconds[0]:
        raise NotMeasured("no video with clips in the folder of UNMASK_CORPUS")
    return {"time": float(seconds[1] / seconds[0]), "bytes": float(size[1] / size[0])}


def _choose_videos(root: Path) -> list[Path]:
    every = sorted(path for path in root.rglob("*.mp4") if "mask" not in path.parts)
    return [every[k] for k in np.unique(np.linspace(0, len(every) - 1, MAX_FILES).astype(int))] if every else []


WAYS: dict[str, Callable[[_Window], _Found]] = {
    "full search of every frame": lambda window: _search_all(window),
    "third network, every frame": lambda window: _refine(window, 1e3),
    "third network, 12.5 per second": lambda window: _refine(window, 12.5),
    "third network, 6.25 per second": lambda window: _refine(window, 6.25),
    "third network, 5 per second": lambda window: _refine(window, 5.0),
    "face frames only, 2 per second": lambda window: _use_face_frames(window),
}


def compare_landmarks(paths: Sequence[Path]) -> str:
    rows: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for path in paths:
        window = _read_window(path)
        if window is None:
            continue
        found = {name: way(window) for name, way in WAYS.items()}
        if min(len(each.points) for each in found.values()):
            for name, measured in _compare(window, found).items():
                rows[name].append(measured)
    lines = [
        f"landmarks of {len(next(iter(rows.values()), []))} windows of 4 s, differences in widths of the mouth",
        f"{'':32} {'landmarks':>10} {'crop center':>12} {'worst 5 %':>10} {'jitter':>8} {'smoothed':>9}"
        f" {'found':>7} {'ms':>6}",
    ]
    for name, values in rows.items():
        landmarks, center, worst, jitter, smoothed, share, seconds = np.mean(values, axis=0)
        lines.append(
            f"{name:32} {landmarks:10.3f} {center:12.3f} {worst:10.3f} {jitter:8.3f} {smoothed:9.4f} {share:7.1%}"
            f" {1000 * seconds:6.0f}"
        )
    return "\n".join(lines)


def _compare(window: _Window, found: dict[str, _Found]) -> dict[str, tuple[float, ...]]:
    """Differences of landmarks and crop centers from the first way's, mean and 95th percentile of the latter; jitter of
    landmarks and of smoothed centers; share found; seconds.
    """
    points = {name: _at(each, window.times) for name, each in found.items()}
    centers = {name: _center(each, window.times) for name, each in found.items()}
    wanted, middle = next(iter(points.values())), next(iter(centers.values()))
    width = float(np.median(np.linalg.norm(wanted[:, 3] - wanted[:, 4], axis=1)))
    measured: dict[str, tuple[float, ...]] = {}
    for name, each in found.items():
        moved = np.linalg.norm(centers[name] - middle, axis=1) / width
        measured[name] = (
            float(np.linalg.norm(points[name] - wanted, axis=-1).mean()) / width,
            float(moved.mean()),
            float(np.percentile(moved, 95)),
            _measure_jitter(points[name][:, 3:].mean(axis=1)) / width,
            _measure_jitter(centers[name]) / width,
            each.share,
            each.seconds,
        )
    return measured


def _measure_jitter(track: NDArray[np.float64]) -> float:
    """Mean second difference of (U, 2)."""
    return float(np.linalg.norm(np.diff(track, n=2, axis=0), axis=1).mean())


def _at(found: _Found, times: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = found.points.reshape(len(found.points), -1)
    return np.stack([np.interp(times, found.times, column) for column in flat.T], axis=1).reshape(-1, 5, 2)


def _center(found: _Found, times: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([[square.x, square.y] for square in smooth_squares(found.points, found.times, times)])


def _search_all(window: _Window) -> _Found:
    began = time.process_time()
    tracks = track_faces(detect(window.frames, WITH))
    seconds = time.process_time() - began
    if not tracks:
        return _Found(np.zeros((0, 5, 2), np.float32), window.times[:0], 0.0, seconds)
    seen = ~np.isnan(tracks[0].confidence)
    return _Found(tracks[0].landmarks[seen], window.times[seen], float(seen.mean()), seconds)


def _refine(window: _Window, per_second: float) -> _Found:
    began = time.process_time()
    searched = select_searched(window.times, per_second)
    boxes, face_times = window.track.boxes, window.face_times
    points, scores = find_landmarks(window.lumas, window.times, searched, boxes, face_times, SURE)
    seen = scores >= SURE
    return _Found(points[seen], window.times[searched][seen], float(seen.mean()), time.process_time() - began)


def _use_face_frames(window: _Window) -> _Found:
    points = interpolate_landmarks(window.track)
    assert points is not None
    return _Found(points, window.face_times, float((~np.isnan(window.track.confidence)).mean()), 0.0)


def _read_window(path: Path) -> _Window | None:
    """The first window; None without a face."""
    timeline = _open(path)
    window = plan_clips(timeline.start_s, timeline.end_s, None, WITH).windows[0]
    pick = select_frames(timeline, window, WITH.frames_per_clip)
    shown = np.unique(select_mouth_frames(timeline, window, FPS))
    (track,), _ = read_clips(path, timeline, [pick], lambda frames, _: track_faces(detect(frames, WITH)))
    if not track:
        return None
    ((frames, lumas),), _ = read_clips_with_luma(path, timeline, [shown], [shown], _keep)
    return _Window(frames, lumas, timeline.times[shown], track[0], timeline.times[pick])


def _keep(frames: NDArray[np.uint8], lumas: list[Luma], _: int) -> tuple[NDArray[np.uint8], list[Luma]]:
    return frames, [replace(luma, pixels=luma.pixels.copy()) for luma in lumas]


def _open(path: Path) -> Timeline:
    return read_timeline(path, max_pixels=WITH.max_pixels, max_seconds=WITH.max_seconds)


def compare_cost(paths: Sequence[Path]) -> tuple[str, NDArray[np.uint8]]:
    """Time and bytes of the stage's own work per file, with and without; and the mouth crops."""
    lines, seconds, size, mouths = measure_cost(paths)
    return "\n".join([*lines, _format_cost("all", seconds, size, float("nan"))]), mouths


def measure_cost(
    paths: Sequence[Path],
) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]:
    """A line per file; seconds (2,) and bytes (2,) of all, without and with; the mouth crops."""
    lines = [f"{'':40} {'without':>9} {'with':>9} {'ratio':>7} {'bytes':>7} {'found':>7}"]
    seconds, size, mouths = np.zeros(2), np.zeros(2), [NO_MOUTH.crops]
    for path in paths:
        pairs = [_preprocess(path, settings) for settings in (WITHOUT, WITH)]
        taken, items = np.array([pair[0] for pair in pairs]), [pair[1] for pair in pairs]
        found = [clip.mouth_found for clip in items[1].clips]
        if not found:
            continue
        stored = np.array([_measure_size(item, each) for item, each in zip(items, (WITHOUT, WITH), strict=True)])
        seconds, size = seconds + taken, size + stored
        mouths += [clip.mouth for clip in items[1].clips]
        share = float(np.concatenate(found).mean()) if sum(map(len, found)) else float("nan")
        lines.append(_format_cost(path.name, taken, stored, share))
    return lines, seconds, size, np.concatenate(mouths)


LAYOUTS: dict[str, Layout] = {
    "none": Layout(chunk=512),
    "zstd 1": Layout(codec=ZstdCodec(level=1), chunk=512),
    "zstd 3": Layout(codec=ZstdCodec(level=3), chunk=512),
    "zstd 3, frames fastest": Layout(codec=ZstdCodec(level=3), chunk=512, order=(1, 2, 0)),
    "blosc lz4 5, bitshuffle, 1 MiB": Layout(codec=make_blosc(5, "bitshuffle", 1, 1024, "lz4"), chunk=512),
    "blosc zstd 1, bitshuffle, 1 MiB": Layout(codec=BITSHUFFLE, chunk=512),
    "  chunks of 128": Layout(codec=BITSHUFFLE, chunk=128),
    "  chunks of 1024": Layout(codec=BITSHUFFLE, chunk=1024),
    "  chunks of 128, frames fastest": Layout(codec=BITSHUFFLE, chunk=128, order=(1, 2, 0)),
    "blosc zstd 3, bitshuffle, 1 MiB": Layout(codec=make_blosc(3, "bitshuffle", 1, 1024), chunk=512),
    "blosc zstd 5, bitshuffle, 1 MiB": Layout(codec=make_blosc(5, "bitshuffle", 1, 1024), chunk=512),
}


def compare_codecs(mouths: NDArray[np.uint8]) -> str:
    """Differences over time are for reference: their reading time is without the sum, and zarrs refuses the filter."""
    moved = np.diff(mouths, axis=0, prepend=mouths[:1])
    with tempfile.TemporaryDirectory() as name:
        tables = [
            format_table(f"{len(mouths)} mouths", mouths, LAYOUTS, round(4 * FPS), Path(name)),
            format_table("their differences", moved, {"zstd 3": LAYOUTS["zstd 3"]}, round(4 * FPS), Path(name)),
        ]
    return "\n".join(tables)


def _format_cost(name: str, seconds: NDArray[np.float64], size: NDArray[np.float64], share: float) -> str:
    ratio, larger = seconds[1] / seconds[0], size[1] / size[0]
    found = "" if np.isnan(share) else f"{share:7.1%}"
    return f"{name[-40:]:40} {seconds[0]:7.2f} s {seconds[1]:7.2f} s {ratio:7.2f} {larger:7.2f} {found}"


def _preprocess(path: Path, settings: PreprocessSettings) -> tuple[float, MediaItem]:
    began = time.process_time()
    item = preprocess_item(Task(media_id="m", content="", path=path, kind="video", text=None, settings=settings))
    return time.process_time() - began, item


def _measure_size(item: MediaItem, settings: PreprocessSettings) -> int:
    with tempfile.TemporaryDirectory() as name:
        shard = Path(name) / "shard"
        write_shard(shard, [item], face_size=settings.face_size, settings=settings.model_dump(mode="json"))
        return sum(part.stat().st_size for part in shard.rglob("*") if part.is_file())
