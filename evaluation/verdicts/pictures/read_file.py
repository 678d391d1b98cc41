"""Frames and waveform of one file. Runs in an isolated worker: a file that hangs or crashes costs its pictures only."""

from __future__ import annotations

import math
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unmask.core.errors import BadMedia
from unmask.evaluation.verdicts.findings import Pictures
from unmask.evaluation.verdicts.pictures.jpeg import encode_within
from unmask.media.audio.readers import SOUND_READERS, VIDEO_READERS, use_track
from unmask.media.audio.waveform import NoAudio, Track
from unmask.media.images import read_image
from unmask.media.timeline import Timeline, read_timeline
from unmask.media.video_readers import DECODERS, FramesMissing, ReaderFailed, select_readers
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.task import Task

FRAMES = 8
"""Of a video: one in the middle of each eighth of the recording, so that they stand over their time on an axis."""
IMAGE_SIDE, FRAME_SIDE = 640, 320
IMAGE_BYTES, FRAME_BYTES = 96_000, 24_000
SPANS = 1_000
SHORTEST_SPAN_S = 0.005
BLOCK_S = 10.0
"""Audio in memory at a time."""

Span = tuple[float, float, float]


def read_pictures(task: Task) -> Pictures:
    """Frames, waveform and end of the file; what cannot be decoded is left out."""
    if task.refused:
        return Pictures()
    if task.kind == "image":
        return Pictures(frames=_read_image(task.path, task.settings))
    readers = SOUND_READERS if task.kind == "audio" else VIDEO_READERS
    max_seconds = task.settings.max_seconds
    waveform: tuple[Span, ...] = ()
    audio_end_s = 0.0
    with suppress(BadMedia, NoAudio):
        _, (audio_end_s, waveform) = use_track(task.path, partial(_measure, max_seconds=max_seconds), readers)
    if task.kind == "audio":
        return Pictures(waveform=waveform, end_s=audio_end_s)
    end_s, frames = _read_video(task.path, task.settings, audio_end_s)
    return Pictures(frames=frames, waveform=waveform, end_s=end_s)


def _read_image(path: Path, settings: PreprocessSettings) -> tuple[tuple[float, bytes], ...]:
    with suppress(BadMedia):
        pixels, _ = read_image(path, max_pixels=settings.max_pixels)
        return ((0.0, encode_within(pixels, IMAGE_SIDE, IMAGE_BYTES)),)
    return ()


def _read_video(
    path: Path, settings: PreprocessSettings, audio_end_s: float
) -> tuple[float, tuple[tuple[float, bytes], ...]]:
    """End of the recording in seconds, and its frames."""
    for decode_all in (False, True):
        try:
            timeline = read_timeline(
                path, max_pixels=settings.max_pixels, max_seconds=settings.max_seconds, decode_all=decode_all
            )
            end_s = max(timeline.end_s, audio_end_s)
            return end_s, _decode(path, timeline, _choose_frames(timeline, end_s))
        except FramesMissing:
            continue
        except BadMedia:
            break
    return audio_end_s, ()


def _choose_frames(timeline: Timeline, end_s: float) -> NDArray[np.int64]:
    """Positions of the frames shown in the middle of each part of the axis, (F,) ascending."""
    times = (np.arange(FRAMES) + 0.5) / FRAMES * end_s
    times = times[(times >= timeline.start_s) & (times <= timeline.end_s)]
    shown = np.searchsorted(timeline.times, times, side="right") - 1
    return np.unique(np.append(shown, [] if len(times) else [0])).astype(np.int64)


def _decode(path: Path, timeline: Timeline, positions: NDArray[np.int64]) -> tuple[tuple[float, bytes], ...]:
    for name in select_readers(timeline):
        with suppress(ReaderFailed):
            frames = DECODERS[name](path, timeline, positions)
            return tuple(
                (float(timeline.times[position]), encode_within(frame.rgb(), FRAME_SIDE, FRAME_BYTES))
                for position, frame in zip(positions.tolist(), frames, strict=True)
            )
    return ()


def _measure(track: Track, max_seconds: float) -> tuple[float, tuple[Span, ...]]:
    """End of the track, and lowest and highest sample of each span, read block by block."""
    end_s = min(track.end_s, max_seconds)
    seconds = end_s - track.start_s
    count = min(SPANS, math.ceil(seconds / SHORTEST_SPAN_S))
    if count < 1:
        return end_s, ()
    step_s = seconds / count
    per_block = max(1, int(BLOCK_S / step_s))
    spans: list[Span] = []
    for first in range(0, count, per_block):
        edges_s = track.start_s + step_s * np.arange(first, min(count, first + per_block) + 1)
        section = track.read(float(edges_s[0]), float(edges_s[-1]))
        offsets = np.rint((edges_s - section.begin_s) * section.rate).astype(int).clip(0)
        samples = section.mono
        pieces = [samples[begin:end] for begin, end in pairwise(offsets.tolist())]
        spans += [
            (float(at), max(-1.0, float(piece.min())), min(1.0, float(piece.max())))
            for at, piece in zip(edges_s, pieces, strict=False)
            if len(piece)
        ]
    return end_s, tuple(spans)
