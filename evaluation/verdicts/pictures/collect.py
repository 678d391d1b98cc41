"""Pictures of the files of one `predict`: decoded in isolated workers, the face crops read from the media shards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unmask.core.files.read_failures import read_or_stop
from unmask.core.process_pool import Failure
from unmask.evaluation.verdicts.findings import Pictures
from unmask.evaluation.verdicts.pictures.jpeg import encode_within
from unmask.evaluation.verdicts.verdict import Verdict
from unmask.manifests.manifest import Manifest
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.shards.media_shard import MediaShard
from unmask.preprocess.stage import Limits, make_task, run_in_workers
from unmask.preprocess.task import Task

FACES = 8
"""Per file, beside those that a map of the explanation is of."""
MOST_FACES = 24
FACE_SIDE, FACE_BYTES = 160, 12_000


def read_all_pictures(manifest: Manifest, settings: PreprocessSettings, limits: Limits) -> dict[str, Pictures]:
    """media_id -> frames and waveform of every file that the scan could read.

    Called before the stages: their threads would forbid that workers are copies of this process.
    """
    tasks = [make_task(manifest, row, settings) for row in manifest.rows() if row.status == "ok"]
    results = run_in_workers(_read_in_worker, tasks, limits)
    return {task.media_id: Pictures() if isinstance(found, Failure) else found for task, found in results}


def _read_in_worker(task: Task) -> Pictures:
    from unmask.evaluation.verdicts.pictures.read_file import read_pictures  # decoders stay out of the parent

    return read_or_stop(task.path, partial(read_pictures, task))


def add_face_crops(
    pictures: Mapping[str, Pictures], shards: Iterable[Path], verdicts: Mapping[str, Verdict]
) -> dict[str, Pictures]:
    """The same with the dominant face's crops, as the model saw them: evenly over the file, and those of its maps."""
    crops: dict[str, list[tuple[float, bytes]]] = {}
    for path in shards:
        shard = MediaShard(path)
        for media_id, clips in _list_clips(shard).items():
            if media_id in pictures:
                explanation = verdicts[media_id].explanation if media_id in verdicts else None
                mapped = [one.time_s for one in explanation.maps] if explanation else []
                crops[media_id] = _read_crops(shard, clips, mapped)
    return {media_id: replace(one, faces=tuple(crops.get(media_id, ()))) for media_id, one in pictures.items()}


def _list_clips(shard: MediaShard) -> dict[str, list[int]]:
    """media_id -> numbers of the clips of its dominant face."""
    tracks, found = shard.array("clip_track"), dict[str, list[int]]()
    for number, (media_id, _) in enumerate(shard.clip_keys):
        if tracks[number] == 0:
            found.setdefault(media_id, []).append(number)
    return found


def _read_crops(shard: MediaShard, clips: Sequence[int], mapped: Sequence[float]) -> list[tuple[float, bytes]]:
    offsets, times = shard.face_offsets, shard.array("face_times")
    positions = np.concatenate([np.arange(offsets[clip], offsets[clip + 1]) for clip in clips])
    chosen = choose_crops(times[positions], mapped)
    return [
        (float(times[at]), encode_within(shard.array("faces", slice(at, at + 1))[0], FACE_SIDE, FACE_BYTES))
        for at in positions[chosen].tolist()
    ]


def choose_crops(times: NDArray[np.float32], mapped: Sequence[float]) -> NDArray[np.int64]:
    """Indices into `times` (F,), ascending: evenly spaced ones, and those nearest to `mapped`."""
    if not len(times):
        return np.zeros(0, np.int64)
    evenly = np.linspace(0, len(times) - 1, min(FACES, len(times))).round().astype(np.int64)
    nearest = [int(np.abs(times - at).argmin()) for at in mapped][: MOST_FACES - FACES]
    return np.unique(np.concatenate([evenly, np.array(nearest, np.int64)]))
