"""Silence, level and bandwidth of the audio of a file. Decodes every sample, a few seconds in memory at a time.

audit-silence.parquet: one row per file with audio.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from unmask.core.fact_table import Facts, FactTable
from unmask.media.audio.level import LEVEL_FEATURES
from unmask.media.audio.readers import read_levels
from unmask.media.audio.silence import SILENCE_FEATURES, get_frame_length, measure_silence_from_rms

FEATURES = (*SILENCE_FEATURES, *LEVEL_FEATURES)


def measure_file_audio(path: Path) -> Facts:
    """`FEATURES` of a file; the duration is that of the decoded samples, in s. `BadMedia` without audio."""
    meter = read_levels(path)
    seconds = len(meter.rms) * get_frame_length(meter.rate) / meter.rate
    # One block: the threshold of silence is that of the whole recording.
    silence = measure_silence_from_rms([meter.rms], seconds)
    return dict(zip(FEATURES, (*silence, *meter.measure()), strict=True))


AUDIO_SILENCE = FactTable(
    name="audit-silence",
    format="unmask-audit-facts",
    about={"name": "audit-silence", "version": 3},
    key=("media_id", "content"),
    columns=(*((name, pa.float64()) for name in FEATURES), ("problem", pa.string())),
    measure=measure_file_audio,
    chunk=4,
    timeout_s=120.0,
    save_every=5_000,
)
