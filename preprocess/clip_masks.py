"""Masks of the manipulated region at the frames of a video's clips: they choose the face that is followed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unmask.core.crashes import as_run_error, describe_crash, is_memory_error
from unmask.core.errors import BadMedia
from unmask.core.hashing import hash_quickly
from unmask.media.timeline import Timeline, read_timeline
from unmask.media.video_readers import FramesMissing
from unmask.preprocess.clip_frames import TOLERANCE_S, read_clips
from unmask.preprocess.faces.types import Detections
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.task import MaskFile

Region = NDArray[np.bool_]
"""(F, h, w) the manipulated region in each frame of a clip, at a reduced size."""

# Of 255, in the brightest of the three colors: soft edges and masks in gray or in color count, the noise of a codec in
# black does not.
LEAST_BRIGHT = 64
# Pixels of the longer side at which a region is kept: boxes of faces are tens of pixels large there.
LONGEST_SIDE = 320


def read_regions(
    mask: MaskFile, timeline: Timeline, picks: Sequence[NDArray[np.int64]], settings: PreprocessSettings
) -> tuple[list[Region | None], str | None]:
    """The region in the frames `picks` of each clip of the video `timeline`, None where its mask shows none.

    Also what is wrong with the mask, if it cannot be used: then all are None, and the video is preprocessed as without
    one. Raises `MemoryError`, and errors that every other file would meet too.
    """
    nothing: list[Region | None] = [None] * len(picks)
    # Opening a pipe would block until somebody writes into it.
    if mask.refused or not mask.path.is_file():
        return nothing, _describe(mask.refused or "it is no longer there")
    try:
        if mask.content != hash_quickly(mask.path):
            return nothing, _describe("it changed since the scan")
        read = partial(read_timeline, mask.path, max_pixels=settings.max_pixels, max_seconds=settings.max_seconds)
        try:
            return _read_regions(mask.path, read(), timeline, picks), None
        except FramesMissing:
            return _read_regions(mask.path, read(decode_all=True), timeline, picks), None
    except Exception as error:
        if is_memory_error(error):
            raise MemoryError from error
        if as_run_error(error):
            raise
        if isinstance(error, BadMedia):
            return nothing, _describe(error.problem)
        if isinstance(error, OSError):
            return nothing, _describe(f"it cannot be opened ({error.strerror})")
        return nothing, _describe(describe_crash(error, mask.path))


def measure_regions(
    frames: Sequence[Detections], region: Region | None, height: int, width: int
) -> list[NDArray[np.float32]] | None:
    """(K,) pixels of the manipulated region in the box of each face, per frame; None if no box has any.

    `height` and `width` of the frames that the boxes are given in; the region may be of another size.
    """
    if region is None:
        return None
    scale = np.array([region.shape[2] / width, region.shape[1] / height], np.float32)
    areas = [
        np.array([_count_inside(mask, box) for box in (each.boxes.reshape(-1, 2, 2) * scale)], np.float32)
        for each, mask in zip(frames, region, strict=True)
    ]
    return [area / scale.prod() for area in areas] if any(area.any() for area in areas) else None


def _describe(problem: str) -> str:
    return f"its mask of the manipulated region is not used: {problem}"


def _read_regions(
    path: Path, mask: Timeline, timeline: Timeline, picks: Sequence[NDArray[np.int64]]
) -> list[Region | None]:
    places = [_match_frames(mask, timeline, pick) for pick in picks]
    covered = [number for number, place in enumerate(places) if (place >= 0).any()]
    regions: list[Region | None] = [None] * len(picks)
    if not covered:
        return regions
    wanted = [np.unique(places[number][places[number] >= 0]) for number in covered]
    found, _ = read_clips(path, mask, wanted, lambda frames, _: _reduce(frames))
    for number, known, region in zip(covered, wanted, found, strict=True):
        if region.any():
            place = places[number]
            # Before the first and after the last frame of the mask nothing is marked.
            regions[number] = region[np.searchsorted(known, np.maximum(place, known[0]))] & (place >= 0)[:, None, None]
    return regions


def _match_frames(mask: Timeline, timeline: Timeline, pick: NDArray[np.int64]) -> NDArray[np.int64]:
    """(F,) position in the mask of each frame of the video, -1 for none.

    With as many frames, they belong together one by one, whatever rate the mask was written at; otherwise by time, each
    from its own first frame.
    """
    if len(mask.times) == len(timeline.times):
        return pick
    times = timeline.times[pick] - timeline.start_s + mask.start_s + TOLERANCE_S
    place = np.searchsorted(mask.times, times, side="right") - 1
    return np.where(times < mask.end_s + TOLERANCE_S, place, -1).astype(np.int64)


def _reduce(frames: NDArray[np.uint8]) -> Region:
    """The bright pixels of `frames` (F, H, W, 3), every n-th in both directions."""
    step = max(1, -(-max(frames.shape[1:3]) // LONGEST_SIDE))
    return np.asarray(frames[:, ::step, ::step].max(axis=3) >= LEAST_BRIGHT)


def _count_inside(mask: NDArray[np.bool_], corners: NDArray[np.float32]) -> int:
    (x0, y0), (x1, y1) = np.maximum(np.round(corners), 0).astype(int).tolist()
    return int(mask[y0:y1, x0:x1].sum())
