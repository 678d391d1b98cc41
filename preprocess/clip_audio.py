"""Audio of clips: mono int16 at one rate, on the clock of the frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unmask.core.errors import BadMedia
from unmask.media.audio.normalize import TAPS, compute_gain, limit_band
from unmask.media.audio.quality import Quality, measure_quality
from unmask.media.audio.readers import SOUND_READERS, Readers, use_track
from unmask.media.audio.resampling import get_context_seconds, resample_section, to_int16
from unmask.media.audio.waveform import Mix, NoAudio, Track, Waveform
from unmask.preprocess.clip_windows import ClipPlan, Window
from unmask.preprocess.profiles import PreprocessSettings

LOWEST_RATE, HIGHEST_RATE = 2_000, 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipAudio:
    """Audio of the clips of one recording."""

    plan: ClipPlan
    samples: tuple[NDArray[np.int16], ...]
    """(A,) per window, from the window's start; shorter than the window if the audio ends before it."""
    reader: str
    quality: Quality | None
    """None if the windows contain no sample."""


def read_clip_audio(
    path: Path,
    plan_of: Callable[[Track], ClipPlan],
    settings: PreprocessSettings,
    *,
    readers: Readers = SOUND_READERS,
) -> ClipAudio | None:
    """Audio of the windows that `plan_of` chooses for the open track; None without an audio track.

    Raises `BadMedia` "unreadable" if no reader can decode it.
    """

    def read(track: Track) -> tuple[ClipPlan, list[Waveform], float]:
        plan = plan_of(track)
        context_s = get_context_seconds(track.rate, settings.sample_rate) if track.rate else 0.0
        context_s += TAPS / settings.sample_rate if settings.highest_hz is not None else 0.0
        sections = [track.read(window.start_s - context_s, window.end_s + context_s) for window in plan.windows]
        return plan, sections, track.start_s

    try:
        reader, (plan, sections, start_s) = use_track(path, read, readers)
    except NoAudio:
        return None
    mixes = [section.mix() for section in sections]
    clips = [
        _cut_clip(path, section, mix, window, start_s, settings)
        for section, mix, window in zip(sections, mixes, plan.windows, strict=True)
    ]
    # One gain for all clips: what is loud in a recording stays louder than the rest of it.
    target_db = settings.loudness_db
    gain = 1.0 if target_db is None else compute_gain(clips, settings.sample_rate, target_db)
    samples = tuple(to_int16(clip * np.float32(gain)) for clip in clips)
    quality = measure_quality(sections, mixes, settings.silence_db)
    return ClipAudio(plan=plan, samples=samples, reader=reader, quality=quality)


def _cut_clip(
    path: Path, section: Waveform, mix: Mix, window: Window, start_s: float, settings: PreprocessSettings
) -> NDArray[np.float32]:
    """Samples from the window's start (zeros before a late track) to the end of the window or track.

    They lie on the grid of the recording, which begins at `start_s`: overlapping clips share their samples.
    """
    if not section.channels.size or section.begin_s >= window.end_s:
        return np.zeros(0, np.float32)
    if not LOWEST_RATE <= section.rate <= HIGHEST_RATE:
        problem = f"sample rate of {section.rate} Hz, outside {LOWEST_RATE} to {HIGHEST_RATE} Hz"
        raise BadMedia(path, "refused", problem, "Is its header right?")
    rate = settings.sample_rate
    first = round((section.begin_s - start_s) * section.rate)
    samples, first = resample_section(mix.samples, first, section.rate, rate)
    if settings.highest_hz is not None:
        samples = limit_band(samples, rate, settings.highest_hz)
    early = round((window.start_s - start_s) * rate) - first
    padding = np.zeros(max(0, -early), np.float32)
    return np.concatenate([padding, samples[max(0, early) :]])[: round(window.seconds * rate)]
