"""Frames of a video's clips: which to look at, decoded in one pass, by the second reader where the first fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from unmask.core.errors import BadMedia
from unmask.media.timeline import REMEDY, Timeline
from unmask.media.video_readers import PICTURE_READERS, Frame, ReaderFailed, readers_for
from unmask.preprocess.clip_windows import Window

Made = TypeVar("Made")

# Half a millisecond, the rounding of containers that count in milliseconds: a frame this little after a moment is the
# one shown at it.
TOLERANCE_S = 0.0005


def frames_at(timeline: Timeline, window: Window, count: int) -> NDArray[np.int64]:
    """Positions of the frames shown at `count` moments spread evenly over the whole window: ascending, each once.

    Fewer than `count` where the window holds fewer frames: one frame is not made two samples.
    """
    shown = np.searchsorted(timeline.times, window.moments(count) + TOLERANCE_S, side="right") - 1
    return np.unique(np.maximum(shown, 0)).astype(np.int64)


def read_clips(
    path: Path, timeline: Timeline, picks: Sequence[NDArray[np.int64]], make: Callable[[NDArray[np.uint8]], Made]
) -> tuple[list[Made], str]:
    """What `make` gives for the frames (F, H, W, 3) of each clip, and the name of the reader that decoded them.

    `picks` holds the positions of each clip's frames, ascending within a clip and from clip to clip. Frames of two
    clips at most are in memory.
    """
    positions = np.unique(np.concatenate(list(picks)))
    problems = []
    for name in readers_for(timeline):
        try:
            frames = PICTURE_READERS[name](path, timeline, positions)
            return [make(clip) for clip in _clips(zip(positions.tolist(), frames, strict=True), picks)], name
        except ReaderFailed as error:
            problems.append(str(error))
    raise BadMedia(path, "unreadable", "; ".join(problems), REMEDY)


def _clips(frames: Iterator[tuple[int, Frame]], picks: Sequence[NDArray[np.int64]]) -> Iterator[NDArray[np.uint8]]:
    held: dict[int, Frame] = {}
    for pick in picks:
        held = {position: frame for position, frame in held.items() if position >= pick[0]}
        while pick[-1] not in held:
            position, frame = next(frames)
            held[position] = frame
        yield np.stack([held[position] for position in pick.tolist()])
