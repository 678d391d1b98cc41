"""Silence at both ends of an audio track and in all of it. Decodes every sample, a few seconds in memory at a time.

audit-silence.parquet: one row per file with audio.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from unmask.core.fact_table import Facts, FactTable
from unmask.media.audio.readers import read_rms
from unmask.media.audio.silence import SILENCE_FEATURES, get_frame_length, measure_silence_from_rms


def measure_file_silence(path: Path) -> Facts:
    """`SILENCE_FEATURES` of a file; the duration is that of the decoded samples, in s. `BadMedia` without audio."""
    rms, rate = read_rms(path)
    seconds = len(rms) * get_frame_length(rate) / rate
    # One block: the threshold of silence is that of the whole recording.
    return dict(zip(SILENCE_FEATURES, measure_silence_from_rms([rms], seconds), strict=True))


AUDIO_SILENCE = FactTable(
    name="audit-silence",
    format="unmask-audit-facts",
    about={"name": "audit-silence", "version": 2},
    key=("media_id", "content"),
    columns=(*((name, pa.float64()) for name in SILENCE_FEATURES), ("problem", pa.string())),
    measure=measure_file_silence,
    chunk=4,
    timeout_s=120.0,
    save_every=5_000,
)
