"""Level and bandwidth are measured, and can be made the same for all recordings."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from unmask.media.audio.level import LEVEL_FEATURES, LevelMeter, measure_level
from unmask.media.audio.normalize import HIGHEST_PEAK, compute_gain, limit_band
from unmask.media.audio.readers import read_levels
from unmask.media.audio.waveform import Waveform
from unmask.preprocess.clip_audio import read_clip_audio
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.trim_silence import plan_clips

RATE = 16_000
NOISE = np.random.default_rng(0).normal(0, 0.1, 6 * RATE).astype(np.float32)


def levels_of(samples: np.ndarray, rate: int = RATE) -> dict[str, float]:
    meter = LevelMeter(rate)
    meter.add(Waveform(0.0, rate, np.atleast_2d(samples).astype(np.float32)))
    return dict(zip(LEVEL_FEATURES, meter.measure(), strict=True))


def filtered(hertz: float, rate: int, floor: float = 0.0) -> np.ndarray:
    """Noise below `hertz`, on the floor of a quiet room if any."""
    noise = np.random.default_rng(0).normal(0, 0.1, 4 * rate)
    spectrum = np.fft.rfft(noise)
    spectrum[4 * round(hertz) :] = 0
    band = np.fft.irfft(spectrum)
    return np.asarray(band + np.random.default_rng(1).normal(0, 1, len(noise)) * floor, np.float32)


def test_the_level_is_that_of_what_is_not_silent():
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    for sound in (tone, np.pad(tone, (RATE, 3 * RATE))):
        found = levels_of(sound)
        assert found["rms_db"] == pytest.approx(20 * np.log10(0.5 / 2**0.5), abs=0.1)
        assert found["peak_db"] == pytest.approx(20 * np.log10(0.5), abs=0.1)


@pytest.mark.parametrize("gain_db", [-40, -6, 6])
def test_gain_moves_both_levels_and_not_the_bandwidth(gain_db):
    sound = filtered(3_000, RATE, 1e-5)
    before, after = levels_of(sound), levels_of(sound * 10 ** (gain_db / 20))
    assert after["rms_db"] - before["rms_db"] == pytest.approx(gain_db, abs=0.01)
    assert after["peak_db"] - before["peak_db"] == pytest.approx(gain_db, abs=0.01)
    assert after["bandwidth_hz"] == before["bandwidth_hz"]


@pytest.mark.parametrize("floor", [0.0, 1e-5, 1e-3])
@pytest.mark.parametrize(("hertz", "rate"), [(3_400, 16_000), (4_000, 24_000), (7_000, 44_100), (16_000, 44_100)])
def test_the_bandwidth_is_the_highest_frequency_above_the_floor(hertz, rate, floor):
    assert levels_of(filtered(hertz, rate, floor), rate)["bandwidth_hz"] == pytest.approx(hertz, rel=0.1)


def test_without_a_floor_the_bandwidth_is_half_the_rate():
    assert levels_of(NOISE)["bandwidth_hz"] == pytest.approx(RATE / 2, rel=0.01)


@pytest.mark.parametrize("sound", [np.zeros(RATE), np.full(RATE, np.nan), np.zeros(0)])
def test_silence_has_no_level(sound):
    assert np.isnan(list(levels_of(sound).values())).all()


def test_a_recording_shorter_than_a_window_is_measured():
    assert np.isfinite(list(levels_of(NOISE[:100]).values())).all()


def test_a_file_and_its_clips_agree(tmp_path):
    soundfile.write(tmp_path / "noise.wav", filtered(3_000, RATE), RATE, subtype="PCM_16")
    samples = soundfile.read(tmp_path / "noise.wav", dtype="int16")[0]
    halves = measure_level([samples[: 2 * RATE], samples[2 * RATE :]], RATE)
    assert read_levels(tmp_path / "noise.wav").measure() == pytest.approx(halves, rel=0.02)


@pytest.mark.parametrize("highest_hz", [1_000, 4_000, 7_000])
def test_the_band_is_limited_and_nothing_moves(highest_hz):
    step = np.zeros(RATE, np.float32)
    step[8_000] = 1
    impulse = limit_band(step, RATE, highest_hz)
    assert np.abs(impulse).argmax() == 8_000
    spectrum = 20 * np.log10(np.abs(np.fft.rfft(impulse)) + 1e-12)
    assert spectrum[highest_hz + 20 :].max() < -78
    assert np.abs(spectrum[: highest_hz - 300]).max() < 0.1
    assert limit_band(step, RATE, 8_000) is step


@pytest.mark.parametrize("level", [0.001, 0.05, 3.0])
def test_recordings_are_brought_to_one_loudness(level):
    clips = [level * NOISE[:RATE], level / 4 * NOISE[RATE:]]
    gain = compute_gain(clips, RATE, -30.0)
    scaled = np.concatenate(clips) * gain
    assert levels_of(scaled)["rms_db"] == pytest.approx(-30, abs=0.1)


def test_peaks_stay_below_full_scale():
    click = np.where(np.arange(RATE) == 100, 0.9, 0.001 * NOISE[:RATE]).astype(np.float32)
    assert np.abs(click * compute_gain([click], RATE, -10.0)).max() == pytest.approx(HIGHEST_PEAK)


def test_digital_silence_is_not_amplified():
    assert compute_gain([np.zeros(RATE, np.float32), np.zeros(0, np.float32)], RATE, -20.0) == 1.0


def test_clips_have_the_loudness_and_the_band_of_the_settings(tmp_path):
    settings = PreprocessSettings(loudness_db=-26.0, highest_hz=5_000.0, clip_seconds=2.0)
    found = []
    for name, rate, gain in (("quiet", 16_000, 0.02), ("loud", 44_100, 0.9)):
        noise = np.random.default_rng(0).normal(0, 0.2 * gain, 5 * rate).clip(-1, 1)
        soundfile.write(tmp_path / f"{name}.wav", noise, rate)
        audio = read_clip_audio(
            tmp_path / f"{name}.wav", lambda track: plan_clips(track.start_s, track.end_s, track, settings), settings
        )
        assert audio is not None
        found.append(measure_level(audio.samples, RATE))
    quiet, loud = found
    assert quiet[0] == pytest.approx(-26, abs=0.1)
    assert quiet == pytest.approx(loud, rel=0.05)
    assert quiet[2] == pytest.approx(5_000, rel=0.05)
