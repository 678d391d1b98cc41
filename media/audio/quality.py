"""Defects of decoded audio, measured before anything is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unmask.media.audio.silence import compute_silence_limit
from unmask.media.audio.waveform import Mix, Waveform

# The largest positive sample of 16 bits. Lossy codecs overshoot; larger samples are clipped in playback.
FULL_SCALE = 32767 / 32768


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Measured over the sections of a recording that became clips."""

    nan_share: float
    """0..1 fraction of samples that are not finite. They were replaced by silence."""
    clipped_share: float
    """0..1 fraction of samples at or above full scale."""
    silent_share: float
    """0..1 fraction of 10 ms frames at or below `silence_db` relative to the loudest; 1 if all samples are zero."""
    dc: float
    """Mean of all samples, full scale 1. Not corrected."""
    channel: str | None = None
    """The channel that was taken instead of the mix of all, because they cancel out; None for the mix."""


def measure_quality(waveforms: Sequence[Waveform], mixes: Sequence[Mix], silence_db: float) -> Quality | None:
    """Of the waveforms and what became of their channels. None if no sample was decoded."""
    decoded = [waveform for waveform in waveforms if waveform.channels.size]
    if not decoded:
        return None
    samples = np.concatenate([waveform.channels.ravel() for waveform in decoded])
    finite = np.isfinite(samples)
    rms = np.concatenate([waveform.rms() for waveform in decoded])
    channels = [mix.channel for mix in mixes if mix.channel is not None]
    return Quality(
        nan_share=float(1 - finite.mean()),
        clipped_share=float((np.abs(samples[finite]) >= FULL_SCALE).sum() / len(samples)),
        silent_share=float((rms <= compute_silence_limit([rms], silence_db)).mean()),
        dc=float(samples[finite].mean(dtype=np.float64)) if finite.any() else 0.0,
        channel=max(channels, key=channels.count) if channels else None,
    )
