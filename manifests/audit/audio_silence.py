"""How long a recording, or the sound of a video, is silent: from every sample, a few seconds in memory at a time."""

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
from unmask.manifests.audit.file_facts import FactKind, Facts
from unmask.media.containers import open_container
from unmask.media.silence import SILENCE_FEATURES, compute_rms, get_frame_length, measure_silence_from_rms

FRAMES_AT_ONCE = 1_000  # 10 s

Wave = NDArray[np.float32]


def sound_facts(path: Path) -> Facts:
    """`silence.FACTS` of one file; the duration is that of what was decoded, in seconds. `BadMedia` without sound."""
    try:
        rate, found = _by_soundfile(path)
    except soundfile.LibsndfileError:
        rate, found = _by_ffmpeg(path)
    if not found:
        raise BadMedia(path, "too_short", "there is no sound in it")
    seconds = sum(map(len, found)) * get_frame_length(rate) / rate
    # One part: the limit between sound and silence is that of the whole recording.
    return dict(zip(SILENCE_FEATURES, measure_silence_from_rms([np.concatenate(found)], seconds), strict=True))


def _by_soundfile(path: Path) -> tuple[int, list[NDArray[np.float64]]]:
    with soundfile.SoundFile(str(path)) as file:
        rate = int(file.samplerate)
        size = FRAMES_AT_ONCE * get_frame_length(rate)
        # Not int16: libsndfile reads the samples of a float file as 0 and 1 then.
        blocks = file.blocks(blocksize=size, dtype="float32", always_2d=True)
        return rate, [compute_rms(block.mean(axis=1), rate) for block in blocks if len(block)]


def _by_ffmpeg(path: Path) -> tuple[int, list[NDArray[np.float64]]]:
    try:
        with open_container(path) as container:
            if not container.streams.audio:
                raise BadMedia(path, "unreadable", "there is no sound in it")
            rate = int(container.streams.audio[0].rate)
            size = FRAMES_AT_ONCE * get_frame_length(rate)
            return rate, [compute_rms(block, rate) for block in _joined(_decoded(container, rate), size)]
    except (av.error.FFmpegError, ValueError) as error:
        problem = str(error).replace(str(path), path.name)
        raise BadMedia(path, "unreadable", f"FFmpeg cannot read it ({problem})") from error


def _decoded(container: Any, rate: int) -> Iterator[Wave]:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    for decoded in container.decode(audio=0):
        for part in resampler.resample(decoded):
            yield part.to_ndarray()[0]


def _joined(parts: Iterator[Wave], size: int) -> Iterator[Wave]:
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


SOUND = FactKind(
    name="audit-silence",
    version=1,
    columns=tuple((name, pa.float64()) for name in SILENCE_FEATURES),
    read=sound_facts,
    chunk=4,
    timeout_s=120.0,
)
