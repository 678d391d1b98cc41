"""Resampling keeps the band below 7 kHz and folds nothing back, in sections as in the whole."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from unmask.media.audio.readers import SOUND_READERS
from unmask.media.audio.resampling import resample
from unmask.preprocess.clip_audio import read_clip_audio
from unmask.preprocess.clip_windows import ClipPlan, Window
from unmask.preprocess.profiles import PreprocessSettings

RATE = 16_000
SOURCE_RATES = (8_000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000)
EDGE = 800
"""Samples at each end in which a tone begins and ends."""


def make_tone(hertz: float, rate: int) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(rate // 2) / rate).astype(np.float32)


def to_db(rms: float) -> float:
    """Relative to a full-scale tone."""
    return 20 * np.log10(rms * np.sqrt(2) + 1e-12)


def split_tone(samples: np.ndarray, hertz: float) -> tuple[float, float]:
    """Level of the tone and of all that is not the tone, in dB relative to the tone that went in."""
    heard = samples[EDGE:-EDGE].astype(np.float64)
    time = np.arange(len(heard)) / RATE
    basis = np.stack([np.sin(2 * np.pi * hertz * time), np.cos(2 * np.pi * hertz * time)], axis=1)
    weights = np.linalg.lstsq(basis, heard, rcond=None)[0]
    rest = heard - basis @ weights
    return 20 * np.log10(np.hypot(*weights)), to_db(float(np.sqrt((rest**2).mean())))


@pytest.mark.parametrize("rate", SOURCE_RATES)
def test_tones_to_7_khz_keep_their_level_and_make_no_image(rate):
    # The band of a slower source ends earlier, at the same fraction of its rate.
    for hertz in np.arange(250, min(7_000, 7 / 16 * rate) + 1, 250):
        level, rest = split_tone(resample(make_tone(hertz, rate), rate, RATE), hertz)
        assert level == pytest.approx(0, abs=0.5), hertz
        assert rest < -80, hertz


@pytest.mark.parametrize("rate", [rate for rate in SOURCE_RATES if rate > RATE])
def test_tones_above_8_khz_do_not_return_as_aliases(rate):
    for hertz in np.arange(8_000 + 50, rate / 2, 250):
        heard = resample(make_tone(hertz, rate), rate, RATE)[EDGE:-EDGE]
        assert to_db(float(np.sqrt((heard.astype(np.float64) ** 2).mean()))) < -80, hertz


@pytest.mark.parametrize("reader", SOUND_READERS)
@pytest.mark.parametrize("rate", [11_025, 22_050, 44_100, 44_101, 48_000])
def test_a_clip_has_the_samples_of_the_whole_recording(tmp_path, reader, rate):
    noise = np.random.default_rng(0).normal(0, 0.1, (round(3.3 * rate), 2)).astype(np.float32)
    soundfile.write(tmp_path / "noise.wav", noise, rate, subtype="FLOAT")
    plan = ClipPlan((Window(0.0, 3.3), Window(0.777, 1.9), Window(1.23456, 3.2), Window(2.0, 3.3)))
    audio = read_clip_audio(
        tmp_path / "noise.wav", lambda _: plan, PreprocessSettings(), readers={reader: SOUND_READERS[reader]}
    )
    whole, *parts = audio.samples
    expected = np.rint(resample(noise.mean(axis=1), rate, RATE) * 32768)
    np.testing.assert_allclose(whole[: len(expected)], expected[: len(whole)], atol=1)
    for window, part in zip(plan.windows[1:], parts, strict=True):
        first = round(window.start_s * RATE)
        length = min(len(part), len(whole) - first)
        assert len(part) == pytest.approx(window.seconds * RATE, abs=1)
        np.testing.assert_allclose(part[:length], whole[first : first + length], atol=1)
