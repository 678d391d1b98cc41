"""Augmentations of audio: noise, a cheap microphone, gain, and lossy codecs.

Applied in this order; none moves the audio in time. There is no reverberation: it would smear the audio against the
lips, and needs recorded room responses. Ranges at strength 1:

    name    parameter                       range             at strength 2     why
    noise   signal to noise, white to pink  40 to 15 dB       40 to 5 dB        RawBoost: 40 to 10 dB, colored
    band    highest frequency               half the rate     ... to 2 kHz      the telephone's upper end; AM radio has
                                            to 3.4 kHz                          about 5 kHz
            lowest frequency                30 to 300 Hz      30 to 600 Hz      from small microphones to telephones
    gain    level, peaks soft-clipped       -6 to 6 dB        -12 to 12 dB      a detector that uses the level would
                                                                                detect the dataset
    codec   bits per second                 64,000 to 16,000  64,000 to 8,000   RFC 6716: 16,000 for wideband speech in
                                                                                Opus, 8,000 for narrowband

RawBoost: Tak et al., ICASSP 2022, raw data augmentation for anti-spoofing. The codecs: audio_codecs.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unmask.cache.augmentations.audio_codecs import CODECS, Wave, list_codecs
from unmask.cache.augmentations.random_draws import Augmentation, draw_parameters, seed_generator, spread_evenly
from unmask.cache.augmentations.spectral_filters import generate_noise, limit_band, measure_level
from unmask.media.audio.resampling import to_int16
from unmask.preprocess.profiles import AugmentationSettings

CLEANEST_DB, NOISE_DB, NOISIEST_DB = 40.0, 25.0, 5.0
"""Signal to noise: the best, how far below it the range of strength 1 ends, and where every range ends. The next three
are like it.
"""
TELEPHONE_HZ, DULLEST_HZ = 3400.0, 2000.0
FULLEST_HZ, THIN_HZ, THINNEST_HZ = 30.0, 300.0, 600.0
GAIN_DB = 6.0
KNEE = 0.8
"""Full scale is 1. Peaks above the knee are soft-clipped."""
MOST_BITS, FEW_BITS, FEWEST_BITS = 64_000, 16_000, 8_000


class Noise(NamedTuple):
    snr_db: float
    """Signal to noise ratio, by the mean powers of the whole clip."""
    tilt: float
    """0 white, 1 pink."""


class Band(NamedTuple):
    lowest: float
    """Hz."""
    highest: float


class Coding(NamedTuple):
    codec: str
    bits: int
    """Per second."""


def augment_audio(
    audio: NDArray[np.int16],
    audio_offsets: NDArray[np.int64],
    keys: Sequence[tuple[str, int]],
    sample_rate: int,
    settings: AugmentationSettings,
    number: int,
) -> NDArray[np.int16]:
    """(A,) mono -> (A,): augmented version `number` of every clip, in step with the clean one; 0 returns `audio`.

    Clip c, named by `keys[c]` = (media_id, clip), has the samples from `audio_offsets[c]` to `audio_offsets[c + 1]`.
    The result of a clip does not depend on the other clips.
    """
    if number == 0 or len(audio) == 0:
        return audio
    assert len(audio_offsets) == len(keys) + 1
    augmented = np.empty_like(audio)
    for clip, key in enumerate(keys):
        own = slice(int(audio_offsets[clip]), int(audio_offsets[clip + 1]))
        random = seed_generator("sound", settings, number, key)
        parameters = draw_parameters(AUDIO_AUGMENTATIONS, random, settings.strength, sample_rate)
        if own.stop > own.start:
            wave = audio[own].astype(np.float32) / np.float32(32768)
            augmented[own] = to_int16(apply_to_wave(wave, sample_rate, parameters, random))
    return augmented


def apply_to_wave(wave: Wave, rate: int, parameters: Mapping[str, Any], random: np.random.Generator) -> Wave:
    """(A,) -> (A,), at least one sample; full scale is 1. `random` is for the noise."""
    for one in AUDIO_AUGMENTATIONS:
        if one.name in parameters:
            wave = one.apply(wave, parameters[one.name], random, rate)
    return wave


def draw_noise(numbers: Sequence[float], strength: float, random: np.random.Generator, rate: int) -> Noise:
    noisiest = max(CLEANEST_DB - NOISE_DB * strength, NOISIEST_DB)
    return Noise(CLEANEST_DB - (CLEANEST_DB - noisiest) * numbers[0], numbers[1])


def add_noise(wave: Wave, noise: Noise, random: np.random.Generator, rate: int) -> Wave:
    level = measure_level(wave) * 10 ** (-noise.snr_db / 20)
    return wave + np.float32(level) * generate_noise(random, len(wave), rate, noise.tilt)


def draw_band(numbers: Sequence[float], strength: float, random: np.random.Generator, rate: int) -> Band:
    half = rate / 2
    dull = max(_interpolate(half, min(half, TELEPHONE_HZ), strength), min(half, DULLEST_HZ))
    thin = min(_interpolate(FULLEST_HZ, THIN_HZ, strength), THINNEST_HZ)
    return Band(_interpolate(FULLEST_HZ, thin, numbers[0]), _interpolate(half, dull, numbers[1]))


def apply_band(wave: Wave, band: Band, random: np.random.Generator, rate: int) -> Wave:
    return limit_band(wave, rate, band.lowest, band.highest)


def draw_gain(numbers: Sequence[float], strength: float, random: np.random.Generator, rate: int) -> float:
    """dB."""
    return GAIN_DB * spread_evenly(numbers[0], strength)


def apply_gain(wave: Wave, gain_db: float, random: np.random.Generator, rate: int) -> Wave:
    return _clip_softly(wave * np.float32(10 ** (gain_db / 20)))


def draw_coding(numbers: Sequence[float], strength: float, random: np.random.Generator, rate: int) -> Coding:
    names = list_codecs(rate)
    fewest = max(_interpolate(MOST_BITS, FEW_BITS, strength), FEWEST_BITS)
    return Coding(names[random.integers(len(names))], round(_interpolate(MOST_BITS, fewest, numbers[0])))


def apply_coding(wave: Wave, coding: Coding, random: np.random.Generator, rate: int) -> Wave:
    return CODECS[coding.codec].transcode(wave, rate, coding.bits)


AUDIO_AUGMENTATIONS = (
    Augmentation(name="noise", draw=draw_noise, apply=add_noise, uniform=(0, 5)),
    Augmentation(name="band", draw=draw_band, apply=apply_band, uniform=(1, 2)),
    Augmentation(name="gain", draw=draw_gain, apply=apply_gain, uniform=(4,)),
    Augmentation(name="codec", draw=draw_coding, apply=apply_coding, uniform=(3,), choices=tuple(CODECS), version=2),
)
"""All augmentations of audio, in the order they are applied. docs/add-an-augmentation.md says how to add one."""


def _interpolate(start: float, end: float, share: float) -> float:
    """`start` at share 0, `end` at 1, and beyond: equal steps are equal ratios, as in hearing."""
    return float(start * (end / start) ** share)


def _clip_softly(wave: Wave) -> Wave:
    """Compress peaks above the knee, so that they approach full scale and never reach it."""
    over = np.maximum(np.abs(wave) - KNEE, 0)
    clipped = np.minimum(np.abs(wave), KNEE) + (1 - KNEE) * np.tanh(over / (1 - KNEE))
    return np.asarray(np.copysign(clipped, wave), np.float32)
