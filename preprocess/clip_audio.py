"""Sound of clips: mono int16 at one rate, on the clock of the frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
import torch
import torchaudio.functional
from numpy.typing import NDArray

from unmask.core.errors import BadMedia
from unmask.media.audio_quality import Quality, quality_of
from unmask.media.audio_readers import SOUND_READERS, NoSound, Sound, Track
from unmask.media.timeline import REMEDY
from unmask.preprocess.clip_windows import ClipPlan, Window
from unmask.preprocess.profiles import PreprocessSettings

# Read on both sides of a clip, so that the resampling filter (under 1 ms) sees the same sound as in the whole
# recording.
CONTEXT_S = 0.02
# Of the reduced ratio of two rates. All usual rates fit; 44,101 Hz would need a filter bank of gigabytes and gets the
# ratio of 44,100 Hz.
MOST_PHASES = 640
LOWEST_RATE, HIGHEST_RATE = 2_000, 1_000_000


@dataclass(frozen=True, slots=True)
class ClipSounds:
    """The sound of a recording's clips."""

    plan: ClipPlan
    samples: tuple[NDArray[np.int16], ...]
    """One (A,) a window. The first sample is the window's start; shorter than the window where the sound ends before
    it.
    """
    reader: str
    quality: Quality | None
    """None where the windows hold no sample."""


def read_sounds(
    path: Path,
    plan_of: Callable[[Track], ClipPlan],
    settings: PreprocessSettings,
    *,
    readers: Sequence[str] = tuple(SOUND_READERS),
) -> ClipSounds | None:
    """Sound of the windows that `plan_of` chooses for the opened track; None when there is no sound track.

    `BadMedia` "unreadable" when no reader can decode it.
    """
    problems = []
    for name in readers:
        try:
            with SOUND_READERS[name](path) as track:
                plan = plan_of(track)
                heard = [track.read(window.start_s - CONTEXT_S, window.end_s + CONTEXT_S) for window in plan.windows]
                samples = [_clip(path, *pair, settings.sample_rate) for pair in zip(heard, plan.windows, strict=True)]
                return ClipSounds(plan, tuple(samples), name, quality_of(heard, settings.silence_db))
        except NoSound:
            return None
        except MemoryError:  # FFmpeg's own is one of the errors below too
            raise
        except (soundfile.SoundFileError, av.FFmpegError, ValueError) as error:
            problems.append(f"{name}: {error}")
    raise BadMedia(path, "unreadable", f"its sound cannot be decoded ({'; '.join(problems)})", REMEDY)


def resampled(samples: NDArray[np.float32], rate: int, to_rate: int) -> NDArray[np.float32]:
    """(A,) -> (about A * to_rate / rate,)."""
    ratio = Fraction(rate, to_rate).limit_denominator(MOST_PHASES)
    result = torchaudio.functional.resample(torch.from_numpy(samples), ratio.numerator, ratio.denominator)
    return np.asarray(result.numpy(), np.float32)


def as_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Full scale 1 -> 32768, rounded and clipped: 16-bit sound at the right rate comes through unchanged."""
    return np.asarray(np.clip(np.rint(samples * 32768.0), -32768, 32767), np.int16)


def _clip(path: Path, sound: Sound, window: Window, rate: int) -> NDArray[np.int16]:
    if not sound.channels.size or sound.begin_s >= window.end_s:
        return np.zeros(0, np.int16)
    if not LOWEST_RATE <= sound.rate <= HIGHEST_RATE:
        problem = f"{sound.rate} samples a second, outside {LOWEST_RATE} to {HIGHEST_RATE}"
        raise BadMedia(path, "refused", problem, "Is its header right?")
    return as_int16(_on_clock(resampled(sound.mono, sound.rate, rate), sound, window, rate))


def _on_clock(samples: NDArray[np.float32], sound: Sound, window: Window, rate: int) -> NDArray[np.float32]:
    """Begin at the window's start, with silence where the track begins later, and end with the window or the track."""
    early = round((window.start_s - sound.begin_s) * rate)
    late = np.zeros(max(0, -early), np.float32)
    return np.concatenate([late, samples[max(0, early) :]])[: round(window.seconds * rate)]
