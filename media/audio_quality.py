"""What is wrong with a recording's sound, measured on what was decoded, before anything is done to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unmask.media.audio_readers import Sound
from unmask.media.silence import levels

# The largest positive sample of 16 bits. Lossy codecs overshoot; what is beyond is clipped when it is played.
FULL_SCALE = 32767 / 32768


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Of the stretches of a recording that became clips."""

    nan_share: float
    """0..1 of all samples: those that are no finite number. They became silence."""
    clipped_share: float
    """0..1 of all samples: those at full scale or beyond."""
    silent_share: float
    """0..1 of all 10 ms: those `silence_db` below the loudest; 1 where there is no sound at all."""
    dc: float
    """Mean of all samples, full scale is 1. It was left as it is."""


def quality_of(sounds: Sequence[Sound], silence_db: float) -> Quality | None:
    """None where nothing was decoded."""
    heard = [sound for sound in sounds if sound.channels.size]
    if not heard:
        return None
    samples = np.concatenate([sound.channels.ravel() for sound in heard])
    finite = np.isfinite(samples)
    loudness = np.concatenate([levels(sound.mono, sound.rate) for sound in heard])
    return Quality(
        nan_share=float(1 - finite.mean()),
        clipped_share=float((np.abs(samples[finite]) >= FULL_SCALE).sum() / len(samples)),
        silent_share=float((loudness <= loudness.max() * 10 ** (silence_db / 20)).mean()),
        dc=float(samples[finite].mean(dtype=np.float64)) if finite.any() else 0.0,
    )
