"""Audio of clips: mono int16 at one rate, on the clock of the frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unmask.core.errors import BadMedia
from unmask.media.audio_quality import Quality, measure_quality
from unmask.media.audio_readers import AUDIO_ERRORS, AUDIO_READERS, NoAudio, Track, Waveform
from unmask.media.resampling import resample, to_int16
from unmask.media.timeline import REMEDY
from unmask.preprocess.clip_windows import ClipPlan, Window
from unmask.preprocess.profiles import PreprocessSettings

# Read on both sides of a clip, so that the resampling filter (under 1 ms) gives the same samples as on the whole
# recording.
CONTEXT_S = 0.02
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
    readers: Sequence[str] = tuple(AUDIO_READERS),
) -> ClipAudio | None:
    """Audio of the windows that `plan_of` chooses for the open track; None without an audio track.

    Raises `BadMedia` "unreadable" if no reader can decode it.
    """
    problems = []
    for name in readers:
        try:
            with AUDIO_READERS[name](path) as track:
                plan = plan_of(track)
                waveforms = [
                    track.read(window.start_s - CONTEXT_S, window.end_s + CONTEXT_S) for window in plan.windows
                ]
                pairs = zip(waveforms, plan.windows, strict=True)
                samples = tuple(_cut_clip(path, *pair, settings.sample_rate) for pair in pairs)
                quality = measure_quality(waveforms, settings.silence_db)
                return ClipAudio(plan=plan, samples=samples, reader=name, quality=quality)
        except NoAudio:
            return None
        except MemoryError:  # FFmpeg's MemoryError is one of the errors below too
            raise
        except AUDIO_ERRORS as error:
            problems.append(f"{name}: {error}")
    raise BadMedia(path, "unreadable", f"its audio cannot be decoded ({'; '.join(problems)})", REMEDY)


def _cut_clip(path: Path, waveform: Waveform, window: Window, rate: int) -> NDArray[np.int16]:
    if not waveform.channels.size or waveform.begin_s >= window.end_s:
        return np.zeros(0, np.int16)
    if not LOWEST_RATE <= waveform.rate <= HIGHEST_RATE:
        problem = f"sample rate of {waveform.rate} Hz, outside {LOWEST_RATE} to {HIGHEST_RATE} Hz"
        raise BadMedia(path, "refused", problem, "Is its header right?")
    return to_int16(_align_to_window(resample(waveform.mono, waveform.rate, rate), waveform, window, rate))


def _align_to_window(
    samples: NDArray[np.float32], waveform: Waveform, window: Window, rate: int
) -> NDArray[np.float32]:
    """Samples from the window's start (zeros before a late track) to the end of the window or track."""
    early = round((window.start_s - waveform.begin_s) * rate)
    padding = np.zeros(max(0, -early), np.float32)
    return np.concatenate([padding, samples[max(0, early) :]])[: round(window.seconds * rate)]
