"""Defects of audio are measured and not corrected."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from spoken_audio import RATE, SETTINGS, item_of, spoken

from unmask.media.audio.quality import Quality, measure_quality
from unmask.media.audio.waveform import Waveform

TONE = 0.5 * np.sin(2 * np.pi * 300 * np.arange(RATE) / RATE)


def quality(samples: np.ndarray) -> Quality:
    waveform = Waveform(0.0, RATE, np.atleast_2d(samples).astype(np.float32))
    found = measure_quality([waveform], [waveform.mix()], -40.0)
    assert found is not None
    return found


def test_a_clean_tone_has_no_defect():
    assert quality(TONE) == Quality(nan_share=0, clipped_share=0, silent_share=0, dc=pytest.approx(0, abs=1e-6))


def test_non_finite_samples_are_counted():
    samples = TONE.copy()
    samples[:400] = np.nan
    samples[400:800] = np.inf
    assert quality(samples).nan_share == pytest.approx(800 / RATE)


def test_a_recording_of_non_finite_samples_is_silent_not_an_error():
    assert quality(np.full(RATE, np.nan)) == Quality(nan_share=1, clipped_share=0, silent_share=1, dc=0)


def test_samples_at_full_scale_are_clipped():
    # |sin| is over a half for two thirds of a period.
    assert quality(np.clip(4 * TONE, -1, 1)).clipped_share == pytest.approx(2 / 3, abs=0.01)


def test_one_clipped_channel_of_two_is_half_of_the_samples():
    assert quality(np.stack([TONE, np.ones(RATE)])).clipped_share == pytest.approx(0.5)


def test_silence_is_relative_to_the_loudest_frame():
    assert quality(np.concatenate([TONE, TONE / 1000, TONE])).silent_share == pytest.approx(1 / 3, abs=0.01)


def test_an_offset_is_measured_as_dc():
    assert quality(TONE + 0.1).dc == pytest.approx(0.1, abs=1e-4)


def test_without_samples_there_is_no_quality():
    assert measure_quality([Waveform(0.0, RATE, np.zeros((1, 0), np.float32))], [], -40.0) is None


def test_the_item_has_the_quality_and_its_samples_are_unchanged(tmp_path):
    soundfile.write(tmp_path / "shifted.wav", spoken(0.0, 2.0, 0.0) / 4 + 0.2, RATE, subtype="PCM_16")
    item = item_of(tmp_path / "shifted.wav", SETTINGS)
    assert item.quality is not None
    assert item.quality.dc == pytest.approx(0.2, abs=0.001)
    assert item.clips[0].audio.mean() / 32768 == pytest.approx(0.2, abs=0.001), "loudness and offset are left alone"
