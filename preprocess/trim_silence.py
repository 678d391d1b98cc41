"""Placement of clips after leading and trailing silence is trimmed, for every label alike.

Leading silence nearly separates the real from the fake clips of FakeAVCeleb; a model that sees it learns the shortcut.
"""

from __future__ import annotations

import numpy as np

from unmask.media.audio_readers import Track, Waveform
from unmask.media.silence import compute_rms, compute_silence_limit, get_frame_length
from unmask.preprocess.clip_windows import ClipPlan, plan_windows
from unmask.preprocess.profiles import PreprocessSettings

# Seconds searched at each end of a longer recording: more would decode it all before the first clip.
SEARCHED_S = 30.0


def find_sound(track: Track, silence_db: float) -> tuple[float, float]:
    """Clock times of the begin of the first and the end of the last 10 ms frame above the silence limit.

    The limit is `silence_db` relative to the loudest frame. The whole track if no frame is above it.
    """
    if track.end_s - track.start_s <= 2 * SEARCHED_S:
        spans = [(track.start_s, track.end_s)]
    else:
        spans = [(track.start_s, track.start_s + SEARCHED_S), (track.end_s - SEARCHED_S, track.end_s)]
    ends = [waveform for waveform in (track.read(*span) for span in spans) if waveform.channels.size]
    if not ends:
        return track.start_s, track.end_s
    rms = [compute_rms(waveform.mono, waveform.rate) for waveform in ends]
    limit = compute_silence_limit(rms, silence_db)
    loud = [np.flatnonzero(each > limit) for each in rms]
    begin = _get_begin(ends[0], loud[0]) if len(loud[0]) else ends[0].end_s
    end = _get_end(ends[-1], loud[-1], len(rms[-1])) if len(loud[-1]) else ends[-1].begin_s
    return (begin, end) if begin < end else (track.start_s, track.end_s)


def plan_clips(
    start_s: float, end_s: float, track: Track | None, settings: PreprocessSettings, *, least_s: float = 0.0
) -> ClipPlan:
    """The clips of a recording from `start_s` to `end_s`, without the silence around them if it is to be trimmed.

    Nothing is trimmed without an audio track, or if less than `least_s` would be left.
    """
    begin, end = start_s, end_s
    if settings.trim_silence and track is not None:
        first, last = find_sound(track, settings.silence_db)
        begin, end = max(start_s, first), min(end_s, last)
    if end - begin < max(least_s, settings.min_seconds):
        begin, end = start_s, end_s
    windows = plan_windows(
        begin,
        end,
        clip_seconds=settings.clip_seconds,
        max_clips=settings.max_clips,
        hop_seconds=settings.hop_seconds,
    )
    return ClipPlan(windows, begin - start_s, end_s - end)


def _get_begin(waveform: Waveform, loud: np.ndarray) -> float:
    return waveform.begin_s + int(loud[0]) * get_frame_length(waveform.rate) / waveform.rate


def _get_end(waveform: Waveform, loud: np.ndarray, frames: int) -> float:
    """An incomplete last frame, under 10 ms, belongs to the one before it."""
    if int(loud[-1]) == frames - 1:
        return waveform.end_s
    return waveform.begin_s + (int(loud[-1]) + 1) * get_frame_length(waveform.rate) / waveform.rate
