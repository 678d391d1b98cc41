"""What augmentations do to audio."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from unmask.cache.augmentations import augment_audio
from unmask.cache.augmentations.audio import AUDIO_AUGMENTATIONS, KNEE, Band, Noise, apply_to_wave
from unmask.cache.augmentations.audio_codecs import CODECS, list_codecs
from unmask.cache.augmentations.random_draws import draw_parameters
from unmask.cache.augmentations.spectral_filters import generate_noise, limit_band, measure_level
from unmask.preprocess.profiles import AugmentationSettings

RATE = 16_000
EVERY_RATE = sorted({rate for codec in CODECS.values() for rate in codec.rates} | {4000, 96_000, 192_000})


def speech(rate: int = RATE, seconds: float = 1.5, seed: int = 0) -> NDArray[np.float32]:
    """Syllables of pink noise above a hum, as far as codecs and correlations can tell."""
    random = np.random.default_rng(seed)
    samples = int(rate * seconds)
    beats = np.repeat(random.random(16), -(-samples // 16))[:samples]
    hum = np.sin(2 * np.pi * 140 * np.arange(samples) / rate)
    wave = beats * (0.08 * generate_noise(random, samples, rate, 1.0) + 0.1 * hum)
    return limit_band(wave.astype(np.float32), rate, 80, 3500)


def change(wave: NDArray[np.float32], **parameters: Any) -> NDArray[np.float32]:
    return apply_to_wave(wave, RATE, parameters, np.random.default_rng(1))


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
    assert change(speech()).tobytes() == speech().tobytes()


@pytest.mark.parametrize("tilt", [0.0, 1.0])
def test_noise_is_as_loud_as_it_says(tilt: float):
    noise = change(speech(), noise=Noise(15.0, tilt)) - speech()
    assert 20 * np.log10(measure_level(speech()) / measure_level(noise)) == pytest.approx(15, abs=0.01)
    octaves = [power(noise, low, 2 * low) for low in (250, 500, 1000, 2000)]
    growth = np.diff(10 * np.log10(octaves)).mean()
    assert growth == pytest.approx(3 * (1 - tilt), abs=0.7)  # dB an octave: white grows by 3, pink not at all


def test_a_band_keeps_what_is_in_it_and_drops_the_rest():
    white = generate_noise(np.random.default_rng(0), 3 * RATE, RATE, 0.0)
    kept = limit_band(white, RATE, 300, 3400)
    assert power(kept, 600, 2500) == pytest.approx(power(white, 600, 2500), rel=0.02)
    assert power(kept, 0, 100) < 1e-3 * power(white, 0, 100)
    assert power(kept, 5000, 8000) < 1e-3 * power(white, 5000, 8000)


def test_a_gain_keeps_the_shape_and_bends_only_peaks():
    quiet = np.float32(0.3) * speech() / np.abs(speech()).max()
    assert change(quiet, gain=6.0) == pytest.approx(quiet * 10**0.3, rel=1e-5)
    loud = np.linspace(-1, 1, 2001, dtype=np.float32)
    bent = change(loud, gain=12.0)
    assert (np.diff(bent) >= 0).all()
    assert KNEE < np.abs(bent).max() <= 1


def test_every_augmentation_keeps_the_timing():
    for parameters in ({"noise": Noise(15.0, 0.5)}, {"band": Band(300.0, 3400.0)}, {"gain": 6.0}):
        assert lag(speech(), change(speech(), **parameters)) == 0


@pytest.mark.parametrize("bits", [8_000, 16_000, 64_000])
@pytest.mark.parametrize(("rate", "name"), [(rate, name) for rate in EVERY_RATE for name in list_codecs(rate)])
def test_codecs_keep_the_timing_within_a_millisecond(rate: int, name: str, bits: int):
    before = speech(rate)
    after = CODECS[name].transcode(before, rate, bits)
    assert (after.shape, after.dtype) == (before.shape, np.float32)
    assert abs(lag(before, after)) <= rate / 1000
    assert abs(lag(before[: rate // 2], after[: rate // 2])) <= rate / 1000
    assert np.corrcoef(before, after)[0, 1] > 0.2


@pytest.mark.parametrize("name", ["mp3", "aac", "opus"])
def test_more_bits_are_nearer_to_the_original(name: str):
    few, many = (measure_level(CODECS[name].transcode(speech(), RATE, bits) - speech()) for bits in (16_000, 64_000))
    assert many < few < measure_level(speech())


def test_all_four_codecs_are_there_at_16_khz_and_one_at_any_rate():
    assert list_codecs(RATE) == ["mp3", "aac", "opus", "telephone"]
    assert list_codecs(12_345) == ["telephone"]


def test_the_telephone_is_narrow():
    white = 0.1 * generate_noise(np.random.default_rng(0), RATE, RATE, 0.0)
    line = CODECS["telephone"].transcode(white, RATE, 64_000)
    assert power(line, 4500, 8000) < 1e-3 * power(white, 4500, 8000)


@pytest.mark.parametrize("samples", [1, 2, 3, 100, 1151])
def test_the_shortest_and_silent_clips_work(samples: int):
    for wave in (np.zeros(samples, np.int16), np.full(samples, -32768, np.int16)):
        for number in range(1, 16):
            made = augment_audio(
                wave, np.array([0, samples]), [("a", 0)], RATE, AugmentationSettings(strength=2), number
            )
            assert (made.shape, made.dtype) == ((samples,), np.int16)
            assert wave.any() or np.abs(made).max() <= 1


@pytest.mark.parametrize("name", CODECS)
def test_silence_comes_back_as_silence(name: str):
    assert np.abs(CODECS[name].transcode(np.zeros(5000, np.float32), RATE, 16_000)).max() < 1 / 32768


def test_full_scale_neither_wraps_nor_breaks():
    square = (32767 * np.sign(np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE + 0.1))).astype(np.int16)
    for number in range(1, 25):
        made = augment_audio(square, np.array([0, RATE]), [("a", 0)], RATE, AugmentationSettings(strength=2), number)
        assert np.corrcoef(square.astype(float), made.astype(float))[0, 1] > 0.1


def test_strength_widens_every_range_and_changes_no_choice():
    def draw(seed: int, strength: float) -> dict[str, Any]:
        return draw_parameters(AUDIO_AUGMENTATIONS, np.random.default_rng(seed), strength, RATE)

    for seed in range(200):
        mild, strong = draw(seed, 0.5), draw(seed, 2.0)
        assert list(mild) == list(strong)
        if "noise" in mild:
            assert mild["noise"].tilt == strong["noise"].tilt
            assert 40 >= mild["noise"].snr_db > strong["noise"].snr_db >= 5
        if "gain" in mild:
            assert abs(mild["gain"]) < abs(strong["gain"]) <= 12
        if "band" in mild:
            assert 30 <= mild["band"].lowest <= strong["band"].lowest <= 600
            assert 8000 >= mild["band"].highest >= strong["band"].highest >= 2000
        if "codec" in mild:
            assert mild["codec"].codec == strong["codec"].codec
            assert 64_000 >= mild["codec"].bits >= strong["codec"].bits >= 8_000


def test_a_stronger_augmentation_is_farther_from_the_clean_audio():
    wave = (speech() * 32767).astype(np.int16)
    keys, offsets = [(f"m{number}", 0) for number in range(12)], np.arange(13) * len(wave)
    clean = np.tile(wave, 12)
    distances = []
    for strength in (0.1, 0.5, 1.0, 2.0):
        view = augment_audio(clean, offsets, keys, RATE, AugmentationSettings(strength=strength), 1)
        distances.append(measure_level((view.astype(np.float32) - clean) / 32768))
    assert distances == sorted(distances)


@pytest.mark.parametrize("rate", [4000, 11_025, 12_345, 48_000])
def test_any_rate_of_the_settings_works(rate: int):
    wave = (speech(rate, 0.5) * 32767).astype(np.int16)
    for number in range(1, 7):
        made = augment_audio(wave, np.array([0, len(wave)]), [("a", 0)], rate, AugmentationSettings(strength=2), number)
        assert made.any()
