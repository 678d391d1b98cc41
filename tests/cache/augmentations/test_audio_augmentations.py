"""What views do to sound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from unmask.cache.augmentations import augmented_audio
from unmask.cache.augmentations.audio import KNEE, SoundChange, changed_sound, drawn_change
from unmask.cache.augmentations.audio_codecs import CODECS, RATES, codecs_at
from unmask.cache.augmentations.spectral_filters import band_limited, coloured_noise, level
from unmask.preprocess.profiles import ViewSettings

RATE = 16_000
NOTHING = SoundChange(noise_db=None, tilt=0.5, band=None, gain_db=None, codec=None, bits=32_000)
EVERY_RATE = sorted({rate for rates in RATES.values() for rate in rates} | {4000, 96_000, 192_000})


def speech(rate: int = RATE, seconds: float = 1.5, seed: int = 0) -> NDArray[np.float32]:
    """Syllables of pink noise above a hum, as far as codecs and correlations can tell."""
    random = np.random.default_rng(seed)
    samples = int(rate * seconds)
    beats = np.repeat(random.random(16), -(-samples // 16))[:samples]
    hum = np.sin(2 * np.pi * 140 * np.arange(samples) / rate)
    wave = beats * (0.08 * coloured_noise(random, samples, rate, 1.0) + 0.1 * hum)
    return band_limited(wave.astype(np.float32), rate, 80, 3500)


def changed(sound: NDArray[np.float32], **change: object) -> NDArray[np.float32]:
    return changed_sound(sound, RATE, replace(NOTHING, **change), np.random.default_rng(1))  # type: ignore[arg-type]


def lag(one: NDArray[np.float32], other: NDArray[np.float32]) -> int:
    """Samples that `other` is later."""
    length = 2 * len(one)
    spectrum = np.fft.rfft(one - one.mean(), length).conj() * np.fft.rfft(other - other.mean(), length)
    best = int(np.fft.irfft(spectrum, length).argmax())
    return best if best < len(one) else best - length


def power(sound: NDArray[np.float32], low: float, high: float) -> float:
    frequencies = np.fft.rfftfreq(len(sound), 1 / RATE)
    inside = (frequencies >= low) & (frequencies < high)
    return float((np.abs(np.fft.rfft(sound)[inside]) ** 2).sum())


def test_nothing_chosen_changes_nothing():
    assert changed(speech()).tobytes() == speech().tobytes()


@pytest.mark.parametrize("tilt", [0.0, 1.0])
def test_noise_is_as_loud_as_it_says(tilt: float):
    noise = changed(speech(), noise_db=15.0, tilt=tilt) - speech()
    assert 20 * np.log10(level(speech()) / level(noise)) == pytest.approx(15, abs=0.01)
    octaves = [power(noise, low, 2 * low) for low in (250, 500, 1000, 2000)]
    growth = np.diff(10 * np.log10(octaves)).mean()
    assert growth == pytest.approx(3 * (1 - tilt), abs=0.7)  # dB an octave: white grows by 3, pink not at all


def test_a_band_keeps_what_is_in_it_and_drops_the_rest():
    white = coloured_noise(np.random.default_rng(0), 3 * RATE, RATE, 0.0)
    kept = band_limited(white, RATE, 300, 3400)
    assert power(kept, 600, 2500) == pytest.approx(power(white, 600, 2500), rel=0.02)
    assert power(kept, 0, 100) < 1e-3 * power(white, 0, 100)
    assert power(kept, 5000, 8000) < 1e-3 * power(white, 5000, 8000)


def test_a_gain_keeps_the_shape_and_bends_only_peaks():
    quiet = np.float32(0.3) * speech() / np.abs(speech()).max()
    assert changed(quiet, gain_db=6.0) == pytest.approx(quiet * 10**0.3, rel=1e-5)
    loud = np.linspace(-1, 1, 2001, dtype=np.float32)
    bent = changed(loud, gain_db=12.0)
    assert (np.diff(bent) >= 0).all()
    assert KNEE < np.abs(bent).max() <= 1


def test_every_change_keeps_the_timing():
    for change in ({"noise_db": 15.0}, {"band": (300.0, 3400.0)}, {"gain_db": 6.0}):
        assert lag(speech(), changed(speech(), **change)) == 0


@pytest.mark.parametrize("bits", [8_000, 16_000, 64_000])
@pytest.mark.parametrize(("rate", "name"), [(rate, name) for rate in EVERY_RATE for name in codecs_at(rate)])
def test_codecs_keep_the_timing_within_a_millisecond(rate: int, name: str, bits: int):
    before = speech(rate)
    after = CODECS[name](before, rate, bits)
    assert (after.shape, after.dtype) == (before.shape, np.float32)
    assert abs(lag(before, after)) <= rate / 1000
    assert abs(lag(before[: rate // 2], after[: rate // 2])) <= rate / 1000
    assert np.corrcoef(before, after)[0, 1] > 0.2


@pytest.mark.parametrize("name", ["mp3", "aac", "opus"])
def test_more_bits_are_nearer_to_the_original(name: str):
    few, many = (level(CODECS[name](speech(), RATE, bits) - speech()) for bits in (16_000, 64_000))
    assert many < few < level(speech())


def test_all_four_codecs_are_there_at_16_khz_and_one_at_any_rate():
    assert codecs_at(RATE) == ["mp3", "aac", "opus", "telephone"]
    assert codecs_at(12_345) == ["telephone"]


def test_the_telephone_is_narrow():
    white = 0.1 * coloured_noise(np.random.default_rng(0), RATE, RATE, 0.0)
    line = CODECS["telephone"](white, RATE, 64_000)
    assert power(line, 4500, 8000) < 1e-3 * power(white, 4500, 8000)


@pytest.mark.parametrize("samples", [1, 2, 3, 100, 1151])
def test_the_shortest_and_silent_clips_work(samples: int):
    for wave in (np.zeros(samples, np.int16), np.full(samples, -32768, np.int16)):
        for number in range(1, 16):
            made = augmented_audio(wave, np.array([0, samples]), [("a", 0)], RATE, ViewSettings(strength=2), number)
            assert (made.shape, made.dtype) == ((samples,), np.int16)
            assert wave.any() or np.abs(made).max() <= 1


@pytest.mark.parametrize("name", CODECS)
def test_silence_comes_back_as_silence(name: str):
    assert np.abs(CODECS[name](np.zeros(5000, np.float32), RATE, 16_000)).max() < 1 / 32768


def test_full_scale_neither_wraps_nor_breaks():
    square = (32767 * np.sign(np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE + 0.1))).astype(np.int16)
    for number in range(1, 25):
        made = augmented_audio(square, np.array([0, RATE]), [("a", 0)], RATE, ViewSettings(strength=2), number)
        assert np.corrcoef(square.astype(float), made.astype(float))[0, 1] > 0.1


def test_strength_widens_every_range_and_changes_no_choice():
    for seed in range(200):
        mild, strong = (drawn_change(np.random.default_rng(seed), strength, RATE) for strength in (0.5, 2.0))
        assert (mild.codec, mild.tilt) == (strong.codec, strong.tilt)
        assert 64_000 >= mild.bits >= strong.bits >= 8_000
        assert (mild.noise_db is None) == (strong.noise_db is None)
        assert mild.noise_db is None or 40 >= mild.noise_db > strong.noise_db >= 5
        assert (mild.gain_db is None) == (strong.gain_db is None)
        assert mild.gain_db is None or abs(mild.gain_db) < abs(strong.gain_db) <= 12
        assert (mild.band is None) == (strong.band is None)
        assert mild.band is None or (30 <= mild.band[0] <= strong.band[0] <= 600)
        assert mild.band is None or (8000 >= mild.band[1] >= strong.band[1] >= 2000)


def test_a_stronger_view_is_farther_from_the_clean_sound():
    wave = (speech() * 32767).astype(np.int16)
    keys, offsets = [(f"m{number}", 0) for number in range(12)], np.arange(13) * len(wave)
    clean = np.tile(wave, 12)
    distances = []
    for strength in (0.1, 0.5, 1.0, 2.0):
        view = augmented_audio(clean, offsets, keys, RATE, ViewSettings(strength=strength), 1)
        distances.append(level((view.astype(np.float32) - clean) / 32768))
    assert distances == sorted(distances)


@pytest.mark.parametrize("rate", [4000, 11_025, 12_345, 48_000])
def test_any_rate_of_the_settings_works(rate: int):
    wave = (speech(rate, 0.5) * 32767).astype(np.int16)
    for number in range(1, 7):
        made = augmented_audio(wave, np.array([0, len(wave)]), [("a", 0)], rate, ViewSettings(strength=2), number)
        assert made.any()
