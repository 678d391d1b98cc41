"""Frames of a video's clips, decoded in one pass; by the second reader if the first one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from unmask.core.errors import BadMedia
from unmask.media.timeline import REMEDY, Timeline
from unmask.media.video_readers import VIDEO_READERS, Frame, ReaderFailed, select_readers
from unmask.preprocess.clip_windows import Window

Result = TypeVar("Result")

# Half a millisecond, the rounding of containers that count in milliseconds: a frame that starts this little after a
# sampled time is the one shown at it.
TOLERANCE_S = 0.0005


def select_frames(timeline: Timeline, window: Window, count: int) -> NDArray[np.int64]:
    """Positions of the frames shown at `count` evenly spaced times of the window, ascending and without repetition.

    Fewer than `count` if the window contains fewer frames.
    """
    shown = np.searchsorted(timeline.times, window.sample_times(count) + TOLERANCE_S, side="right") - 1
    return np.unique(np.maximum(shown, 0)).astype(np.int64)


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
    positions = np.unique(np.concatenate(list(picks)))
    problems = []
    for name in select_readers(timeline):
        try:
            frames = VIDEO_READERS[name](path, timeline, positions)
            clips = _group_by_clip(zip(positions.tolist(), frames, strict=True), picks)
            return [process(clip, number) for number, clip in enumerate(clips)], name
        except ReaderFailed as error:
            problems.append(str(error))
    raise BadMedia(path, "unreadable", "; ".join(problems), REMEDY)


def _group_by_clip(
    frames: Iterator[tuple[int, Frame]], picks: Sequence[NDArray[np.int64]]
) -> Iterator[NDArray[np.uint8]]:
    held: dict[int, Frame] = {}
    for pick in picks:
        held = {position: frame for position, frame in held.items() if position >= pick[0]}
        while pick[-1] not in held:
            position, frame = next(frames)
            held[position] = frame
        yield np.stack([held[position] for position in pick.tolist()])
