"""Clips lie where a recording sounds: silence around it is cut off, whatever the label.

Leading silence nearly separates the real from the fake clips of FakeAVCeleb; a detector that may see it learns that.
"""

from __future__ import annotations

import numpy as np

from unmask.media.audio_readers import Sound, Track
from unmask.media.silence import frame_width, levels
from unmask.preprocess.clip_windows import ClipPlan, windows
from unmask.preprocess.profiles import PreprocessSettings

# Of a longer recording, only so much at each end is searched: more would be decoding it all before the first clip.
SEARCHED_S = 30.0


def sounding(track: Track, silence_db: float) -> tuple[float, float]:
    """Clock times between which the track sounds: from its first to its last 10 ms louder than `silence_db`, against
    the loudest 10 ms. The whole track where there is none.
    """
    if track.end_s - track.start_s <= 2 * SEARCHED_S:
        spans = [(track.start_s, track.end_s)]
    else:
        spans = [(track.start_s, track.start_s + SEARCHED_S), (track.end_s - SEARCHED_S, track.end_s)]
    ends = [sound for sound in (track.read(*span) for span in spans) if sound.channels.size]
    if not ends:
        return track.start_s, track.end_s
    loudness = [levels(sound.mono, sound.rate) for sound in ends]
    limit = max(float(level.max()) for level in loudness) * 10 ** (silence_db / 20)
    loud = [np.flatnonzero(level > limit) for level in loudness]
    begin = _begin(ends[0], loud[0]) if len(loud[0]) else ends[0].end_s
    end = _end(ends[-1], loud[-1], len(loudness[-1])) if len(loud[-1]) else ends[-1].begin_s
    return (begin, end) if begin < end else (track.start_s, track.end_s)


def plan_clips(
    start_s: float, end_s: float, track: Track | None, settings: PreprocessSettings, *, least_s: float = 0.0
) -> ClipPlan:
    """The clips of a recording from `start_s` to `end_s`: where `track` sounds, if silence is to be trimmed.

    All of it where there is no sound track or less than `least_s` would be left.
    """
    begin, end = start_s, end_s
    if settings.trim_silence and track is not None:
        heard = sounding(track, settings.silence_db)
        begin, end = max(start_s, heard[0]), min(end_s, heard[1])
    if end - begin < max(least_s, settings.min_seconds):
        begin, end = start_s, end_s
    found = windows(
        begin,
        end,
        clip_seconds=settings.clip_seconds,
        max_clips=settings.max_clips,
        hop_seconds=settings.hop_seconds,
    )
    return ClipPlan(found, begin - start_s, end_s - end)


def _begin(sound: Sound, loud: np.ndarray) -> float:
    return sound.begin_s + int(loud[0]) * frame_width(sound.rate) / sound.rate


def _end(sound: Sound, loud: np.ndarray, frames: int) -> float:
    """A last stretch under 10 ms has no level of its own and goes with the one before it."""
    if int(loud[-1]) == frames - 1:
        return sound.end_s
    return sound.begin_s + (int(loud[-1]) + 1) * frame_width(sound.rate) / sound.rate
