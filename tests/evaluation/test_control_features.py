"""What the controls may see: file facts and silence."""

from __future__ import annotations

import numpy as np
import pytest

from unmask.manifests.header_features import NAMES, NUMBERS, encode_headers
from unmask.manifests.manifest import MediaRow
from unmask.media.audio.silence import measure_silence

RATE = 16_000


def tone(seconds: float, level: int) -> np.ndarray:
    return (level * np.sin(np.arange(int(RATE * seconds)) * 0.3)).astype(np.int16)


def row(number: int, **facts: object) -> MediaRow:
    known = {"dataset": "d", "domain_id": 0, "path": f"{number}.mp4", "kind": "video", "label": 0, "method": "none"}
    return MediaRow(media_id=f"{number:032x}", **{**known, **facts})


def test_silence_is_measured_at_both_ends() -> None:
    first = np.concatenate([tone(0.5, 3), tone(1.0, 9000)])
    last = np.concatenate([tone(1.0, 9000), tone(0.25, 3)])
    duration, leading, trailing, share = measure_silence([first, last], 2.75, RATE)
    assert (duration, leading, trailing) == pytest.approx((2.75, 0.5, 0.25))
    assert share == pytest.approx(0.75 / 2.75, abs=0.01)


def test_silence_is_relative_to_the_loudest_part() -> None:
    loud = np.concatenate([tone(0.3, 20), tone(1.0, 20000)])
    quiet = (loud // 10).astype(np.int16)
    assert measure_silence([loud], 1.3, RATE)[1] == pytest.approx(0.3)
    assert measure_silence([quiet], 1.3, RATE)[1] == pytest.approx(0.3)


def test_digital_silence_is_silent_throughout() -> None:
    _, leading, trailing, share = measure_silence([np.zeros(RATE, np.int16)], 1.0, RATE)
    assert (leading, trailing, share) == (1.0, 1.0, 1.0)


def test_no_audio_has_no_facts() -> None:
    assert np.isnan(measure_silence([np.zeros(0, np.int16)], 3.0, RATE)).all()


def test_file_facts_are_rates_where_the_file_has_pixels_and_seconds() -> None:
    rows = [row(0, bytes=8000, width=20, height=10, frames=4, fps=2.0, duration_s=2.0)]
    facts, named = encode_headers(rows, np.array([True]))
    found = dict(zip((*NUMBERS, *NAMES), facts[0].tolist(), strict=True))
    assert (found["bytes_per_pixel"], found["bytes_per_second"], found["aspect"]) == (10.0, 4000.0, 2.0)
    assert np.isnan(found["sample_rate"])
    assert sum(named) == len(NAMES)


def test_a_codec_that_training_never_saw_is_missing_not_invented() -> None:
    rows = [
        row(0, video_codec="h264"),
        row(1, video_codec="h264"),
        row(2, video_codec="vp9"),
        row(3, video_codec="av1"),
    ]
    facts, _ = encode_headers(rows, np.array([True, True, True, False]))
    codes = facts[:, len(NUMBERS) + NAMES.index("video_codec")]
    assert codes[:3].tolist() == [0.0, 0.0, 1.0]
    assert np.isnan(codes[3])
