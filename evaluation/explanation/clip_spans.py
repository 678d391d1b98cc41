"""When the clips of a clip table are, from the media shards."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.explanation.clip_parts import Span
from unmask.evaluation.open_run import OpenRun
from unmask.preprocess.shards.media_shard import MediaShard


def read_spans(opened: OpenRun, clips: NDArray[np.int64]) -> dict[int, Span]:
    """Clip (row of the clip table) -> its start and end in seconds on the clock of its recording."""
    found: dict[tuple[str, int], Span] = {}
    for path in opened.shards:
        shard = MediaShard(path)
        found |= {key: (start, end) for key, (start, end) in zip(shard.clip_keys, shard.spans.tolist(), strict=True)}
    table = opened.data.clips
    return {clip: found[str(table.media_id[clip]), int(table.clip[clip])] for clip in clips.tolist()}
