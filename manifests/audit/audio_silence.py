"""Silence at both ends of an audio track and in all of it. Decodes every sample, a few seconds in memory at a time.

audit-silence.parquet: one row per file with audio.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import soundfile
from numpy.typing import NDArray

from unmask.core.errors import BadMedia
from unmask.core.fact_table import Facts, FactTable
from unmask.media.containers import opened
from unmask.media.silence import FACTS, facts_of_levels, frame_width, levels

FRAMES_AT_ONCE = 1_000  # 10 s

Wave = NDArray[np.float32]


def measure_silence(path: Path) -> Facts:
    """`silence.FACTS` of one file; the duration is that of the decoded samples, in seconds. `BadMedia` without audio."""
    try:
        rate, blocks = _read_with_soundfile(path)
    except soundfile.LibsndfileError:
        rate, blocks = _read_with_ffmpeg(path)
    if not blocks:
        raise BadMedia(path, "too_short", "it has no audio")
    seconds = sum(map(len, blocks)) * frame_width(rate) / rate
    # One block: the threshold of silence is that of the whole recording.
    return dict(zip(FACTS, facts_of_levels([np.concatenate(blocks)], seconds), strict=True))


def _read_with_soundfile(path: Path) -> tuple[int, list[NDArray[np.float64]]]:
    with soundfile.SoundFile(str(path)) as file:
        rate = int(file.samplerate)
        size = FRAMES_AT_ONCE * frame_width(rate)
        # Not int16: libsndfile would read the samples of a float file as 0 and 1.
        blocks = file.blocks(blocksize=size, dtype="float32", always_2d=True)
        return rate, [levels(block.mean(axis=1), rate) for block in blocks if len(block)]


def _read_with_ffmpeg(path: Path) -> tuple[int, list[NDArray[np.float64]]]:
    try:
        with opened(path) as container:
            if not container.streams.audio:
                raise BadMedia(path, "unreadable", "it has no audio")
            rate = int(container.streams.audio[0].rate)
            size = FRAMES_AT_ONCE * frame_width(rate)
            return rate, [levels(block, rate) for block in _join(_decode(container, rate), size)]
    except (av.error.FFmpegError, ValueError) as error:
        problem = str(error).replace(str(path), path.name)
        raise BadMedia(path, "unreadable", f"FFmpeg cannot read it ({problem})") from error


def _decode(container: Any, rate: int) -> Iterator[Wave]:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    for decoded in container.decode(audio=0):
        for part in resampler.resample(decoded):
            yield part.to_ndarray()[0]


def _join(parts: Iterator[Wave], size: int) -> Iterator[Wave]:
    """The same samples in blocks of `size`, the last one shorter."""
    waiting: list[Wave] = []
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) >= size:
            whole = np.concatenate(waiting)
            full = len(whole) // size * size
            yield from np.split(whole[:full], full // size)
            waiting = [whole[full:]]
    rest = np.concatenate([*waiting, np.empty(0, np.float32)])
    if len(rest):
        yield rest


AUDIO_SILENCE = FactTable(
    name="audit-silence",
    format="unmask-audit-facts",
    about={"name": "audit-silence", "version": 1},
    key=("media_id", "content"),
    columns=(*((name, pa.float64()) for name in FACTS), ("problem", pa.string())),
    measure=measure_silence,
    chunk=4,
    timeout_s=120.0,
    save_every=5_000,
)
