"""Placement of clips after leading and trailing silence is trimmed, for every label alike.

Leading silence nearly separates the real from the fake clips of FakeAVCeleb; a model that sees it learns the shortcut.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unmask.media.audio.silence import compute_empty_limit, compute_silence_limit, get_frame_length
from unmask.media.audio.waveform import Track, Waveform
from unmask.preprocess.clip_windows import ClipPlan, plan_windows
from unmask.preprocess.profiles import PreprocessSettings

# Seconds searched at each end of a longer recording: more would decode it all before the first clip.
SEARCHED_S = 30.0

Rms = NDArray[np.float64]
Span = tuple[float, float]
"""Clock times of a begin and an end."""


def find_sound(track: Track, silence_db: float, least_s: float = 0.0) -> Span:
    """Clock times of the begin of the first and the end of the last 10 ms frame above the silence limit.

    The limit is `silence_db` relative to the loudest sound that lasts. If less than `least_s` would be left, only
    digital silence is trimmed: one door that slams must not stand for a recording of quiet speech. The whole track if
    no frame is above the limit.
    """
    ends = [one for one in (track.read(*span) for span in _list_searched(track)) if one.channels.size]
    if not ends:
        return track.start_s, track.end_s
    rms = [one.rms() for one in ends]
    begin, end = _find_louder(track, ends, rms, compute_silence_limit(rms, silence_db))
    if end - begin >= least_s:
        return begin, end
    return _find_louder(track, ends, rms, compute_empty_limit(rms))


def plan_clips(
    start_s: float, end_s: float, track: Track | None, settings: PreprocessSettings, *, has_frames: bool = False
) -> ClipPlan:
    """The clips of a recording from `start_s` to `end_s`, without the silence around them if it is to be trimmed.

    Trimming leaves at least one clip or half of the recording; a video that would lose more is left whole. A sound
    file that would lose more loses its digital silence, but is left whole below `min_seconds`.
    """
    begin, end = start_s, end_s
    least_s = min(settings.clip_seconds, (end_s - start_s) / 2)
    if settings.trim_silence and track is not None:
        first, last = find_sound(track, settings.silence_db, 0.0 if has_frames else least_s)
        begin, end = max(start_s, first), min(end_s, last)
    if end - begin < (max(least_s, settings.min_seconds) if has_frames else settings.min_seconds):
        begin, end = start_s, end_s
    windows = plan_windows(
        begin,
        end,
        clip_seconds=settings.clip_seconds,
        max_clips=settings.max_clips,
        hop_seconds=settings.hop_seconds,
    )
    return ClipPlan(windows, begin - start_s, end_s - end)


def _list_searched(track: Track) -> list[Span]:
    if track.end_s - track.start_s <= 2 * SEARCHED_S:
        return [(track.start_s, track.end_s)]
    return [(track.start_s, track.start_s + SEARCHED_S), (track.end_s - SEARCHED_S, track.end_s)]


def _find_louder(track: Track, ends: Sequence[Waveform], rms: Sequence[Rms], limit: float) -> Span:
    loud = [np.flatnonzero(each > limit) for each in rms]
    begin = _get_begin(ends[0], loud[0]) if len(loud[0]) else ends[0].end_s
    end = _get_end(ends[-1], loud[-1], len(rms[-1])) if len(loud[-1]) else ends[-1].begin_s
    return (begin, end) if begin < end else (track.start_s, track.end_s)


def _get_begin(waveform: Waveform, loud: NDArray[np.intp]) -> float:
    return waveform.begin_s + int(loud[0]) * get_frame_length(waveform.rate) / waveform.rate


def _get_end(waveform: Waveform, loud: NDArray[np.intp], frames: int) -> float:
    """An incomplete last frame, under 10 ms, belongs to the one before it."""
    if int(loud[-1]) == frames - 1:
        return waveform.end_s
    return waveform.begin_s + (int(loud[-1]) + 1) * get_frame_length(waveform.rate) / waveform.rate
