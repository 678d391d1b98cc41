"""Frames of a video's clips, decoded in one pass; by the second reader if the first one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from unmask.core.errors import BadMedia
from unmask.media.luma import Luma, borrow_buffers
from unmask.media.timeline import REMEDY, Timeline
from unmask.media.video_readers import DECODERS, Decoded, Frame, ReaderFailed, select_readers
from unmask.preprocess.clip_windows import Window

Result = TypeVar("Result")

# Half a millisecond, the rounding of containers that count in milliseconds: a frame that starts this little after a
# sampled time is the one shown at it.
TOLERANCE_S = 0.0005

# Luma is held at this many pixels per frame at most: 4K is halved, and 100 frames of a window take 400 MB at most.
HELD_PIXELS = 1 << 22


def select_frames(timeline: Timeline, window: Window, count: int) -> NDArray[np.int64]:
    """Positions of the frames shown at `count` evenly spaced times of the window, ascending and without repetition.

    Fewer than `count` if the window contains fewer frames.
    """
    return np.unique(_find_shown(timeline, window.sample_times(count)))


def select_mouth_frames(timeline: Timeline, window: Window, fps: float) -> NDArray[np.int64]:
    """(M,) position of the frame shown at each `window.start_s` + k / `fps` before the window's end; empty for 0.

    A frame is there several times where the film is slower, and left out where it is faster.
    """
    count = ceil(window.seconds * fps - 1e-6)
    return _find_shown(timeline, window.start_s + np.arange(count) / fps if count else np.zeros(0))


def _find_shown(timeline: Timeline, times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Positions of the frames shown at `times`; the first one before it begins."""
    shown = np.searchsorted(timeline.times, times + TOLERANCE_S, side="right") - 1
    return np.maximum(shown, 0).astype(np.int64)


def read_clips(
    path: Path,
    timeline: Timeline,
    picks: Sequence[NDArray[np.int64]],
    process: Callable[[NDArray[np.uint8], int], Result],
) -> tuple[list[Result], str]:
    """The result of `process` for the frames (F, H, W, 3) and the number of each clip, and the name of the reader.

    `picks` has the positions of each clip's frames, ascending within a clip and from clip to clip. At most the
    frames of two clips are in memory. Raises `FramesMissing` if the timeline has to be read with `decode_all`.
    """
    no_luma = [np.zeros(0, np.int64)] * len(picks)
    return read_clips_with_luma(path, timeline, picks, no_luma, lambda frames, _, number: process(frames, number))


def read_clips_with_luma(
    path: Path,
    timeline: Timeline,
    picks: Sequence[NDArray[np.int64]],
    luma_picks: Sequence[NDArray[np.int64]],
    process: Callable[[NDArray[np.uint8], list[Luma], int], Result],
) -> tuple[list[Result], str]:
    """The same, and `process` also gets the luma of the frames at each clip's `luma_picks`, from the same pass.

    The memory of the luma is used again after `process`: copy what is kept.
    """
    positions = np.unique(np.concatenate([*picks, *luma_picks]))
    problems = []
    for name in select_readers(timeline):
        try:
            frames = DECODERS[name](path, timeline, positions)
            clips = _group_by_clip(zip(positions.tolist(), frames, strict=True), picks, luma_picks)
            return [process(*clip, number) for number, clip in enumerate(clips)], name
        except ReaderFailed as error:
            problems.append(str(error))
    raise BadMedia(path, "unreadable", "; ".join(problems), REMEDY)


def _group_by_clip(
    frames: Iterator[tuple[int, Decoded]], picks: Sequence[NDArray[np.int64]], luma_picks: Sequence[NDArray[np.int64]]
) -> Iterator[tuple[NDArray[np.uint8], list[Luma]]]:
    """The luma of a clip may be overwritten when the next one is asked for."""
    in_color, in_gray = (frozenset(np.concatenate(list(each)).tolist()) for each in (picks, luma_picks))
    colors: dict[int, Frame] = {}
    grays: dict[int, Luma] = {}
    with borrow_buffers() as buffers:
        for pick, luma_pick in zip(picks, luma_picks, strict=True):
            first = np.concatenate([pick, luma_pick]).min()
            colors = {position: frame for position, frame in colors.items() if position >= first}
            buffers.release(grays.pop(position) for position in [each for each in grays if each < first])
            while pick[-1] not in colors or (len(luma_pick) and luma_pick[-1] not in grays):
                position, decoded = next(frames)
                if position in in_color:
                    colors[position] = decoded.rgb()
                if position in in_gray:
                    grays[position] = buffers.hold(decoded.luma().reduce(HELD_PIXELS))
            yield np.stack([colors[position] for position in pick.tolist()]), [grays[at] for at in luma_pick.tolist()]
        buffers.release(grays.values())
