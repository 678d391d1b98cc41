"""Leading and trailing silence is trimmed in audio and video alike, unless too little would be left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from spoken_audio import RATE, SETTINGS, item_of, spoken
from tiny_media import numbered_video

from unmask.media.audio.readers import SOUND_READERS
from unmask.preprocess.clip_windows import Window
from unmask.preprocess.trim_silence import SEARCHED_S, find_sound


def wav(path: Path, samples: NDArray[np.float32]) -> Path:
    soundfile.write(path, samples, RATE)
    return path


@pytest.mark.parametrize("reader", SOUND_READERS)
@pytest.mark.parametrize("lead_s", [0.0, 0.5, 2 * SEARCHED_S + 5])
def test_audio_lasts_from_the_first_to_the_last_loud_frame(tmp_path, reader, lead_s):
    path = wav(tmp_path / "speech.wav", spoken(lead_s, 2.0, 0.7))
    with SOUND_READERS[reader](path) as track:
        begin, end = find_sound(track, -40.0)
    # Of a long recording only the ends are searched; whole packets are read.
    assert (begin, end) == pytest.approx((min(lead_s, SEARCHED_S), lead_s + 2.0), abs=0.02)


def test_a_silent_track_is_left_whole(tmp_path):
    path = wav(tmp_path / "zero.wav", np.zeros(RATE * 2, np.float32))
    with SOUND_READERS["soundfile"](path) as track:
        assert find_sound(track, -40.0) == (0.0, 2.0)


def test_silence_around_a_recording_is_trimmed_and_its_seconds_are_kept(tmp_path):
    item = item_of(wav(tmp_path / "speech.wav", spoken(0.5, 2.0, 0.7)))
    (clip,) = item.clips
    assert (clip.start_s, clip.end_s) == pytest.approx((0.5, 2.5), abs=0.011)
    assert (item.cut_start_s, item.cut_end_s) == pytest.approx((0.5, 0.7), abs=0.011)
    assert np.abs(clip.audio[:160]).max() > 5_000, "it begins with the tone"


def test_real_and_fake_files_that_differ_only_in_silence_become_the_same_clips(tmp_path):
    tone = spoken(0.0, 2.0, 0.0, floor=0.0)
    early, late = (np.pad(tone, (round(lead_s * RATE), 800)) for lead_s in (0.0, 0.31))
    one, two = (item_of(wav(tmp_path / f"{name}.wav", s)).clips[0] for name, s in (("real", early), ("fake", late)))
    np.testing.assert_allclose(one.audio, two.audio, atol=1)


def test_the_frames_of_a_video_are_trimmed_with_its_audio(tmp_path):
    path = numbered_video(tmp_path / "late.mp4", 100, sound=spoken(1.0, 2.0, 1.0))
    item = item_of(path, SETTINGS.changed({"face_size": 224}))
    (clip,) = item.clips
    assert (clip.start_s, clip.end_s) == pytest.approx((1.0, 3.0), abs=0.08)  # AAC spreads a tone's edges
    # Centres of four quarters of 1 to 3 s: 1.25, 1.75, 2.25, 2.75 s.
    assert clip.face_times == pytest.approx([1.24, 1.72, 2.24, 2.72], abs=0.09)


def test_without_trimming_silence_stays(tmp_path):
    item = item_of(wav(tmp_path / "speech.wav", spoken(0.5, 2.0, 0.7)), SETTINGS.changed({"trim_silence": False}))
    assert (item.clips[0].start_s, item.clips[0].end_s) == pytest.approx((0.0, 3.2))
    assert (item.cut_start_s, item.cut_end_s) == (0.0, 0.0)


def test_a_click_in_a_long_silence_keeps_the_whole_recording(tmp_path):
    item = item_of(wav(tmp_path / "click.wav", spoken(1.0, 0.1, 1.0)))
    assert (item.clips[0].start_s, item.clips[0].end_s) == pytest.approx((0.0, 2.1))


def test_a_video_with_one_short_sound_keeps_its_frames(tmp_path):
    item = item_of(numbered_video(tmp_path / "door.mp4", 100, sound=spoken(1.0, 0.5, 2.5)))
    assert (item.clips[0].start_s, item.clips[0].end_s) == pytest.approx((0.0, 4.0), abs=0.05)


def test_a_video_without_audio_is_not_trimmed(tmp_path):
    item = item_of(numbered_video(tmp_path / "mute.mp4", 50))
    assert Window(item.clips[0].start_s, item.clips[0].end_s) == Window(0.0, pytest.approx(2.0, abs=0.01))
    assert item.quality is None


def speak(seconds: float, level: float) -> NDArray[np.float32]:
    """Noise that swells and ebbs as syllables do, with pauses of a quarter of the time."""
    rng = np.random.default_rng(1)
    time = np.arange(round(seconds * RATE)) / RATE
    swell = np.clip(np.sin(2 * np.pi * 3 * time), 0.003, 1) * (np.sin(2 * np.pi * 0.4 * time) > -0.7)
    return (level * swell * rng.normal(0, 0.3, len(time))).astype(np.float32)


@pytest.mark.parametrize("bang_s", [0.02, 0.15, 0.4])
@pytest.mark.parametrize("at_s", [3.0, 14.0, 29.0])
def test_one_bang_does_not_stand_for_quiet_speech(tmp_path, bang_s, at_s):
    sound = speak(30.0, 0.005)
    bang = round(at_s * RATE), round((at_s + bang_s) * RATE)
    sound[slice(*bang)] = 0.9 * np.sign(np.random.default_rng(0).normal(size=bang[1] - bang[0]))
    item = item_of(wav(tmp_path / "bang.wav", sound))
    assert item.cut_start_s + item.cut_end_s < 1.0


@pytest.mark.parametrize("bang_s", [0.1, 0.8])
def test_a_short_recording_keeps_its_quiet_speech_beside_a_bang(tmp_path, bang_s):
    sound = np.concatenate([speak(3.0, 0.005), spoken(0.0, bang_s, 0.0)])
    item = item_of(wav(tmp_path / "bang.wav", sound))
    assert item.cut_start_s + item.cut_end_s < 0.5


@pytest.mark.parametrize(("lead_s", "tail_s"), [(3.0, 3.0), (0.0, 9.0), (9.0, 0.0)])
def test_digital_silence_is_trimmed_even_if_it_is_most_of_a_recording(tmp_path, lead_s, tail_s):
    sound = np.pad(speak(1.5, 0.5), (round(lead_s * RATE), round(tail_s * RATE)))
    item = item_of(wav(tmp_path / "padded.wav", sound))
    assert (item.cut_start_s, item.cut_end_s) == pytest.approx((lead_s, tail_s), abs=0.6)
    assert item.clips[0].end_s - item.clips[0].start_s < 1.6


def test_speech_before_the_noise_of_a_room_is_kept_whole_if_it_is_the_smaller_part(tmp_path):
    item = item_of(wav(tmp_path / "room.wav", spoken(0.0, 1.0, 5.0)))
    assert (item.cut_start_s, item.cut_end_s) == (0.0, 0.0)
