"""The corruptions on made clips: deterministic, stronger with strength, and only of their own stream."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from unmask.cache.shard_media import ShardMedia
from unmask.core.errors import UsageError
from unmask.evaluation.robustness.corrupt_media import corrupt, select_clips
from unmask.evaluation.robustness.corruptions import (
    CORRUPTIONS,
    STRENGTHS,
    Corruption,
    choose_corruptions,
    choose_strengths,
)

RATE, SIDE = 16_000, 65  # an odd side: 4:2:0 needs an even one
WINDOW = 2 * RATE
LENGTHS = [WINDOW, 0, WINDOW, RATE]
FACES = [4, 1, 0, 0]
KEYS = [("film", 0), ("photo", 0), ("speech", 0), ("speech", 1)]
NAMES = [one.name for one in CORRUPTIONS]
KEEPS_LENGTH = [one for one in CORRUPTIONS if one.stream == "audio" and not one.edits_length]


def make_wave(seed: int, samples: int) -> NDArray[np.int16]:
    """Syllables of a gliding voice, with 0.2 s of near silence at both ends."""
    time = np.arange(samples) / RATE
    voice = 0.4 * np.sin(2 * np.pi * (200 + 300 * time) * time) * (1.2 + np.sin(2 * np.pi * 4 * time))
    noise = np.random.default_rng(seed).normal(0, 0.0005, samples)
    edge = RATE // 5
    voice[:edge] = voice[samples - edge :] = 0
    return np.rint(32767 * np.clip(voice + noise, -0.99, 0.99)).astype(np.int16)


def make_face(seed: int) -> NDArray[np.uint8]:
    down, across = np.mgrid[:SIDE, :SIDE]
    waves = 128 + 60 * np.sin(across / 4 + seed) + 50 * np.cos(down / 3)
    fine = np.random.default_rng(seed).normal(0, 6, (SIDE, SIDE, 3))
    return np.clip(waves[..., None] + fine, 0, 255).astype(np.uint8)


@pytest.fixture
def media() -> ShardMedia:
    """A film, a photo, and speech in two windows."""
    return ShardMedia(
        keys=list(KEYS),
        starts=np.array([0, 0, 0, 2], np.float32),
        faces=np.stack([make_face(number) for number in range(sum(FACES))]),
        face_times=np.array([0, 0.5, 1, 1.5, 0], np.float32),
        face_offsets=np.cumsum([0, *FACES]),
        audio=np.concatenate([make_wave(number, length) for number, length in enumerate(LENGTHS) if length]),
        audio_offsets=np.cumsum([0, *LENGTHS]),
        sample_rate=RATE,
        texts=[None] * 4,
        facts=[None] * 4,
    )


def get_audio(media: ShardMedia, clip: int) -> NDArray[np.int16]:
    return media.audio[media.audio_offsets[clip] : media.audio_offsets[clip + 1]]


def measure_lag(clean: NDArray[np.float64], heard: NDArray[np.float64]) -> int:
    """Samples by which the loudness of `heard` follows that of `clean`."""
    ours, theirs = (np.convolve(np.abs(wave), np.ones(160), "same") for wave in (clean, heard))
    lags = range(-800, 801, 20)
    return max(lags, key=lambda lag: float(ours @ np.roll(theirs, -lag)))


def find_one(name: str) -> Corruption:
    return next(one for one in CORRUPTIONS if one.name == name)


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=NAMES)
def test_a_corruption_is_the_same_every_time_and_changes_its_own_stream_only(media, corruption):
    once, again = (corrupt(media, corruption, 3, WINDOW) for _ in range(2))
    np.testing.assert_array_equal(once.faces, again.faces)
    np.testing.assert_array_equal(once.audio, again.audio)
    assert np.array_equal(once.faces, media.faces) == (corruption.stream == "audio")
    assert np.array_equal(once.audio, media.audio) == (corruption.stream == "image")
    np.testing.assert_array_equal(once.face_offsets, media.face_offsets)


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=NAMES)
def test_a_clip_does_not_depend_on_clips_of_other_files(media, corruption):
    together = corrupt(media, corruption, 2, WINDOW)
    alone = corrupt(select_clips(media, np.array([2, 3])), corruption, 2, WINDOW)
    for clip in (0, 1):
        np.testing.assert_array_equal(get_audio(alone, clip), get_audio(together, 2 + clip))
    film = corrupt(select_clips(media, np.array([0])), corruption, 2, WINDOW)
    np.testing.assert_array_equal(film.faces, together.faces[: FACES[0]])


@pytest.mark.parametrize("corruption", [one for one in CORRUPTIONS if one.stream == "image"], ids=lambda one: one.name)
def test_images_are_further_from_the_clean_ones_with_every_strength(media, corruption):
    wide = replace(media, faces=media.faces.repeat(4, axis=1).repeat(4, axis=2))  # larger than the mildest resize
    apart = [
        np.abs(corrupt(wide, corruption, strength, WINDOW).faces.astype(float) - wide.faces).mean()
        for strength in STRENGTHS
    ]
    assert 0 < apart[0] < apart[1] < apart[2]


@pytest.mark.parametrize("corruption", KEEPS_LENGTH, ids=lambda one: one.name)
def test_audio_is_further_from_the_clean_one_with_every_strength_and_stays_in_step(media, corruption):
    clean = get_audio(media, 0).astype(float)
    # A speech codec at its lowest rates follows the spectrum, not the wave.
    spectrum = np.abs(np.fft.rfft(clean.reshape(-1, 320), axis=1))
    apart = []
    for strength in STRENGTHS:
        heard = get_audio(corrupt(media, corruption, strength, WINDOW), 0).astype(float)
        assert len(heard) == len(clean)
        apart.append(float(np.abs(np.abs(np.fft.rfft(heard.reshape(-1, 320), axis=1)) - spectrum).mean()))
        assert abs(measure_lag(clean, heard)) <= 0.01 * RATE
    assert 0 < apart[0] < apart[2]


def test_trimmed_speech_begins_anew_and_a_film_stays_in_step(media):
    trimmed = corrupt(media, find_one("trim-silence"), 1, WINDOW)
    edge = RATE // 5
    np.testing.assert_array_equal(get_audio(trimmed, 0), get_audio(media, 0)[edge : WINDOW - edge])
    assert trimmed.starts[0] == pytest.approx(0.2)
    # Only the first window of a file has its begin, and only the last its end.
    np.testing.assert_array_equal(get_audio(trimmed, 2), get_audio(media, 2)[edge:])
    np.testing.assert_array_equal(get_audio(trimmed, 3), get_audio(media, 3)[: RATE - edge])
    assert trimmed.starts[2:].tolist() == [0, 2]


def test_a_click_is_not_all_that_trimming_leaves(media):
    click = np.zeros(WINDOW, np.int16)
    click[RATE : RATE + 400] = 9000
    alone = replace(select_clips(media, np.array([0])), audio=click)
    np.testing.assert_array_equal(corrupt(alone, find_one("trim-silence"), 3, WINDOW).audio, click)


def test_added_silence_fills_the_window_of_speech_and_precedes_a_film(media):
    longer = corrupt(media, find_one("add-silence"), 2, WINDOW)
    half = RATE // 2
    assert not get_audio(longer, 2)[:half].any()
    np.testing.assert_array_equal(get_audio(longer, 2)[half:], get_audio(media, 2)[: WINDOW - half])
    np.testing.assert_array_equal(get_audio(longer, 3), get_audio(media, 3))
    np.testing.assert_array_equal(get_audio(longer, 0)[half:], get_audio(media, 0))
    assert longer.starts.tolist() == [-0.5, 0, 0, 2]


def test_silence_alone_stays_silence(media):
    silent = replace(media, audio=np.zeros_like(media.audio))
    for corruption in (one for one in CORRUPTIONS if one.stream == "audio"):
        heard = corrupt(silent, corruption, 3, WINDOW)
        assert len(heard.audio) >= len(silent.audio)
        assert np.abs(heard.audio.astype(int)).max() <= 8, corruption.name


def test_every_value_has_a_key_of_its_own():
    keys = {one.make_key(strength) for one in CORRUPTIONS for strength in STRENGTHS}
    assert len(keys) == 3 * len(CORRUPTIONS)


def test_names_and_strengths_are_checked():
    assert [one.name for one in choose_corruptions(["blur", "jpeg"])] == ["jpeg", "blur"]
    assert choose_strengths([3, 0, 1]) == (1, 3)
    assert choose_strengths([]) == STRENGTHS
    with pytest.raises(UsageError, match="no corruption 'jpg'"):
        choose_corruptions(["jpg"])
    with pytest.raises(UsageError, match="no strength 4"):
        choose_strengths([1, 4])
