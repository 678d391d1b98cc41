"""Sound as it comes after a journey: recorded in noise, by a cheap microphone, too loud or too soft, and coded.

In this order, and nothing of it moves the sound in time. No reverberation: it would smear the sound against the lips,
and needs recordings of rooms. Ranges at strength 1:

    change  parameter                       range             at strength 2     why
    noise   signal to noise, white to pink  40 to 15 dB       40 to 5 dB        RawBoost: 40 to 10 dB, coloured
    band    highest frequency               half the rate     ... to 2 kHz      the telephone's upper end; AM radio has
                                            to 3.4 kHz                          about 5 kHz
            lowest frequency                30 to 300 Hz      30 to 600 Hz      from small microphones to telephones
    gain    level, peaks bent softly        -6 to 6 dB        -12 to 12 dB      nobody promises a level; who detects by
                                                                                level detects the dataset
    codec   bits a second                   64,000 to 16,000  64,000 to 8,000   RFC 6716: 16,000 for wideband speech in
                                                                                Opus, 8,000 for narrowband

RawBoost: Tak et al., ICASSP 2022, raw data augmentation against spoofed speech. Which codecs: codecs.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmask.cache.augmentations.audio_codecs import CODECS, Sound, codecs_at
from unmask.cache.augmentations.random_draws import chosen, generator_of
from unmask.cache.augmentations.spectral_filters import band_limited, coloured_noise, level
from unmask.media.resampling import as_int16
from unmask.preprocess.profiles import ViewSettings

CLEANEST_DB, NOISE_DB, NOISIEST_DB = 40.0, 25.0, 5.0
"""Signal to noise: the best, how far below it the range of strength 1 ends, and where every range ends. The next three
are like it.
"""
TELEPHONE_HZ, DULLEST_HZ = 3400.0, 2000.0
FULLEST_HZ, THIN_HZ, THINNEST_HZ = 30.0, 300.0, 600.0
GAIN_DB = 6.0
KNEE = 0.8
"""Full scale is 1. Peaks above are bent, so that none is cut off square or wraps around."""
MOST_BITS, FEW_BITS, FEWEST_BITS = 64_000, 16_000, 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundChange:
    """What one clip's sound goes through. None: not this."""

    noise_db: float | None
    """Signal to noise, by the whole clip's mean powers."""
    tilt: float
    """Of the noise: 0 white, 1 pink."""
    band: tuple[float, float] | None
    """Lowest and highest frequency in Hz."""
    gain_db: float | None
    codec: str | None
    bits: int
    """A second."""


def augmented_audio(
    audio: NDArray[np.int16],
    audio_offsets: NDArray[np.int64],
    keys: Sequence[tuple[str, int]],
    sample_rate: int,
    settings: ViewSettings,
    number: int,
) -> NDArray[np.int16]:
    """(A,) mono -> (A,): view `number` of every clip, in step with the clean one. View 0 is the array that was given.

    Clip c, named by `keys[c]` = (media_id, clip), has the samples from `audio_offsets[c]` to `audio_offsets[c + 1]`. It
    sounds the same whatever clips are beside it.
    """
    if number == 0 or len(audio) == 0:
        return audio
    assert len(audio_offsets) == len(keys) + 1
    heard = np.empty_like(audio)
    for clip, key in enumerate(keys):
        part = slice(int(audio_offsets[clip]), int(audio_offsets[clip + 1]))
        random = generator_of("sound", settings, number, key)
        change = drawn_change(random, settings.strength, sample_rate)
        if part.stop > part.start:
            sound = audio[part].astype(np.float32) / np.float32(32768)
            heard[part] = as_int16(changed_sound(sound, sample_rate, change, random))
    return heard


def drawn_change(random: np.random.Generator, strength: float, rate: int) -> SoundChange:
    """Everything is drawn whatever is used, so that a change of one range leaves the others' draws alone."""
    noisy, limited, louder, coded = chosen(random, 4)
    far, gain = random.random(4).tolist(), float(random.uniform(-strength, strength))
    tilt, codecs = float(random.random()), codecs_at(rate)
    codec = codecs[random.integers(len(codecs))]
    half = rate / 2
    dull = max(_toward(half, min(half, TELEPHONE_HZ), strength), min(half, DULLEST_HZ))
    thin = min(_toward(FULLEST_HZ, THIN_HZ, strength), THINNEST_HZ)
    noisiest = max(CLEANEST_DB - NOISE_DB * strength, NOISIEST_DB)
    fewest = max(_toward(MOST_BITS, FEW_BITS, strength), FEWEST_BITS)
    return SoundChange(
        noise_db=CLEANEST_DB - (CLEANEST_DB - noisiest) * far[0] if noisy else None,
        tilt=tilt,
        band=(_toward(FULLEST_HZ, thin, far[1]), _toward(half, dull, far[2])) if limited else None,
        gain_db=GAIN_DB * gain if louder else None,
        codec=codec if coded else None,
        bits=round(_toward(MOST_BITS, fewest, far[3])),
    )


def changed_sound(sound: Sound, rate: int, change: SoundChange, random: np.random.Generator) -> Sound:
    """(A,) -> (A,), at least one sample, full scale is 1. `random` is for the noise alone."""
    if change.noise_db is not None:
        quiet = level(sound) * 10 ** (-change.noise_db / 20)
        sound = sound + np.float32(quiet) * coloured_noise(random, len(sound), rate, change.tilt)
    if change.band is not None:
        sound = band_limited(sound, rate, *change.band)
    if change.gain_db is not None:
        sound = _bent(sound * np.float32(10 ** (change.gain_db / 20)))
    if change.codec is not None:
        sound = CODECS[change.codec](sound, rate, change.bits)
    return sound


def _toward(near: float, end: float, far: float) -> float:
    """`near` at 0, `end` at 1, and beyond: equal steps are equal ratios, as ears hear."""
    return float(near * (end / near) ** far)


def _bent(sound: Sound) -> Sound:
    """Peaks above the knee come nearer to full scale the higher they are, and never reach it."""
    over = np.maximum(np.abs(sound) - KNEE, 0)
    bent = np.minimum(np.abs(sound), KNEE) + (1 - KNEE) * np.tanh(over / (1 - KNEE))
    return np.asarray(np.copysign(bent, sound), np.float32)
