"""Every audio format becomes mono int16 at 16 kHz, on the clock of the frames."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from tiny_media import click, first_loud_s, numbered_frame, numbered_video, write_video

from unmask.core.errors import BadMedia
from unmask.media.audio.readers import SOUND_READERS, VIDEO_READERS, read_levels, read_start
from unmask.media.audio.resampling import resample, to_int16
from unmask.media.audio.video_track import open_video_audio
from unmask.media.audio.waveform import Waveform
from unmask.preprocess.clip_audio import read_clip_audio
from unmask.preprocess.clip_windows import ClipPlan, Window
from unmask.preprocess.profiles import PreprocessSettings

RATE = 16_000


def sounds_of(path: Path, *windows: tuple[float, float], readers=SOUND_READERS):
    plan = ClipPlan(tuple(Window(*window) for window in windows))
    return read_clip_audio(path, lambda _: plan, PreprocessSettings(sample_rate=RATE), readers=readers)


def wav(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str = "PCM_16") -> Path:
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


@pytest.mark.parametrize("reader", SOUND_READERS)
@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_a_click_is_decoded_at_its_time_at_any_rate(tmp_path, reader, rate):
    path = wav(tmp_path / "click.wav", click(rate, 2.25, 4.0), rate)
    whole, late = sounds_of(path, (0.0, 4.0), (2.0, 3.0), readers={reader: SOUND_READERS[reader]}).samples
    assert (len(whole), len(late)) == (4 * RATE, RATE)
    assert first_loud_s(whole) == pytest.approx(2.25, abs=0.0005)
    assert first_loud_s(late) == pytest.approx(0.25, abs=0.0005)


def test_a_window_has_the_same_samples_as_in_the_whole_recording(tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.1, 44_100 * 3).astype(np.float32)
    path = wav(tmp_path / "noise.wav", noise, 44_100)
    whole, part = sounds_of(path, (0.0, 3.0), (1.0, 2.0)).samples
    np.testing.assert_allclose(part, whole[RATE : 2 * RATE], atol=1)


def test_sixteen_bit_audio_at_the_target_rate_is_unchanged(tmp_path):
    samples = np.random.default_rng(0).integers(-32768, 32768, RATE).astype(np.int16)
    path = wav(tmp_path / "exact.wav", samples)
    for reader in SOUND_READERS:
        (kept,) = sounds_of(path, (0.0, 1.0), readers={reader: SOUND_READERS[reader]}).samples
        np.testing.assert_array_equal(kept, samples)


def test_audio_and_frames_of_a_video_share_one_clock(tmp_path):
    path = numbered_video(tmp_path / "both.mp4", 100, sound=click(RATE, 1.5, 4.0))
    sounds = sounds_of(path, (0.0, 4.0), (1.0, 2.0), readers=VIDEO_READERS)
    assert first_loud_s(sounds.samples[0]) == pytest.approx(1.5, abs=0.005)
    assert first_loud_s(sounds.samples[1]) == pytest.approx(0.5, abs=0.005)


def test_audio_that_starts_late_stays_late(tmp_path):
    path = numbered_video(tmp_path / "late.mkv", 100, sound=click(RATE, 0.5, 3.0), sound_at_s=1.0)
    with av.open(str(path)) as container:
        assert container.streams.audio[0].start_time * container.streams.audio[0].time_base > 0.9
    whole, later, before = sounds_of(path, (0.0, 4.0), (1.25, 2.25), (0.0, 0.8), readers=VIDEO_READERS).samples
    assert first_loud_s(whole) == pytest.approx(1.5, abs=0.005)
    assert first_loud_s(later) == pytest.approx(0.25, abs=0.005)
    assert len(before) == 0, "a window before the sound begins has no sound"


def test_video_that_starts_late_shares_the_clock_too(tmp_path):
    frames, times = [numbered_frame(k) for k in range(50)], [500 + 40 * k for k in range(50)]
    path = write_video(tmp_path / "late.mp4", frames, times, sound=click(RATE, 1.0, 2.5))
    (samples,) = sounds_of(path, (0.5, 2.5), readers=VIDEO_READERS).samples
    assert first_loud_s(samples) == pytest.approx(0.5, abs=0.005)


@pytest.mark.parametrize("first", ["early.ts", "late.ts"])
def test_the_audio_of_joined_broadcasts_goes_on_with_their_frames(tmp_path, first):
    for name, delay_ms in (("early.ts", 0), ("late.ts", 60_000)):
        frames, times = [numbered_frame(k) for k in range(75)], [delay_ms + 40 * k for k in range(75)]
        sound = 0.5 * np.sin(2 * np.pi * 440 * np.arange(3 * RATE) / RATE).astype(np.float32)
        write_video(tmp_path / name, frames, times, sound=sound, sound_at_s=delay_ms / 1000)
    second = "late.ts" if first == "early.ts" else "early.ts"
    joined = tmp_path / "joined.ts"
    joined.write_bytes((tmp_path / first).read_bytes() + (tmp_path / second).read_bytes())
    with open_video_audio(joined) as track:
        assert track.end_s - track.start_s == pytest.approx(6.0, abs=0.3)
        section = track.read(3.5, 5.5)
    assert section.rms().min() > 0.2


def test_audio_that_ends_early_is_short_not_padded(tmp_path):
    path = wav(tmp_path / "short.wav", click(RATE, 0.5, 1.5))
    inside, over, beyond = sounds_of(path, (0.0, 1.0), (1.0, 2.0), (2.0, 3.0)).samples
    assert (len(inside), len(over), len(beyond)) == (RATE, RATE // 2, 0)


def test_channels_are_averaged(tmp_path):
    two = np.stack([click(96_000, 0.5, 1.0), np.zeros(96_000, np.float32)], axis=1)
    path = wav(tmp_path / "two.wav", two, 96_000, "PCM_24")
    for reader in SOUND_READERS:
        (samples,) = sounds_of(path, (0.0, 1.0), readers={reader: SOUND_READERS[reader]}).samples
        assert first_loud_s(samples) == pytest.approx(0.5, abs=0.0005)
        assert np.abs(samples).max() == pytest.approx(0.8 / 2 * 32768, rel=0.1)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
@pytest.mark.parametrize("reader", SOUND_READERS)
def test_every_sample_format_is_read(tmp_path, subtype, reader):
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)
    path = wav(tmp_path / "wide.wav", tone, subtype=subtype)
    (samples,) = sounds_of(path, (0.0, 1.0), readers={reader: SOUND_READERS[reader]}).samples
    np.testing.assert_allclose(samples, tone * 32768, atol=800 if "LAW" in subtype else 300)


def test_non_finite_samples_become_silence_and_loud_ones_are_clipped():
    waveform = Waveform(0.0, RATE, np.array([[0.0, np.nan, np.inf, -np.inf, 2.0, -2.0, 0.5]], np.float32))
    assert to_int16(waveform.mono).tolist() == [0, 0, 0, 0, 32767, -32768, 16384]


def test_an_unusual_rate_is_resampled_without_a_huge_filter():
    tone = np.sin(2 * np.pi * 440 * np.arange(44_101) / 44_101).astype(np.float32)
    kept = resample(tone, 44_101, RATE)
    assert len(kept) == pytest.approx(RATE, abs=2)
    crossings = np.flatnonzero(np.diff(np.signbit(kept[100:-100])))
    assert np.diff(crossings).mean() == pytest.approx(RATE / 880, rel=0.001)


def test_the_second_reader_is_used_if_the_first_fails(tmp_path):
    path = numbered_video(tmp_path / "sound.mp4", 50, sound=click(RATE, 1.0, 2.0))
    assert sounds_of(path, (0.0, 2.0)).reader == "pyav"


def test_a_video_without_audio_has_none(tmp_path):
    assert sounds_of(numbered_video(tmp_path / "mute.mp4", 5), (0.0, 0.2), readers=VIDEO_READERS) is None


def test_a_file_that_no_reader_decodes_is_unreadable_with_every_reason(tmp_path):
    path = tmp_path / "text.wav"
    path.write_text("not a sound " * 200)
    with pytest.raises(BadMedia, match=r"soundfile: .*pyav: ") as caught:
        sounds_of(path, (0.0, 1.0))
    assert caught.value.reason == "unreadable"


@pytest.mark.parametrize("rate", [100, 1_500_000])
def test_an_absurd_rate_is_refused(tmp_path, rate):
    with pytest.raises(BadMedia, match="sample rate of") as caught:
        sounds_of(wav(tmp_path / "absurd.wav", np.ones(5000), rate), (0.0, 0.001))
    assert caught.value.reason == "refused"


def test_the_start_of_a_file_is_mono_at_its_own_rate(tmp_path):
    stereo = np.stack([click(44_100, 0.5, 3.0), np.zeros(3 * 44_100, np.float32)], axis=1)
    samples, rate = read_start(wav(tmp_path / "click.wav", stereo, 44_100), 1.0)
    assert (len(samples), samples.dtype, rate) == (44_100, np.float32, 44_100)
    assert np.abs(samples).max() == pytest.approx(np.abs(stereo).max() / 2, rel=0.01)


def test_the_start_of_a_file_that_only_ffmpeg_reads_has_its_own_rate_too(tmp_path):
    path = numbered_video(tmp_path / "sound.mp4", 75, sound=click(RATE, 0.5, 3.0))
    samples, rate = read_start(path, 1.0)
    assert (len(samples), samples.dtype, rate) == (RATE, np.float32, RATE)
    assert np.abs(samples).argmax() / rate == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("name", ["tone.wav", "tone.mp4"])
def test_rms_is_measured_per_ten_milliseconds_of_the_whole_file(tmp_path, name):
    tone = (0.5 * np.sin(2 * np.pi * 300 * np.arange(12 * RATE) / RATE)).astype(np.float32)
    path = tmp_path / name
    _ = wav(path, tone) if path.suffix == ".wav" else numbered_video(path, 300, sound=tone)
    rms, rate = read_levels(path).rms, read_levels(path).rate
    assert (rate, rms.dtype) == (RATE, np.float64)
    assert len(rms) == pytest.approx(1200, abs=20)
    assert np.median(rms) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)


@pytest.mark.parametrize("read", [read_levels, lambda path: read_start(path, 1.0)])
def test_a_file_without_audio_is_unreadable_and_its_folder_is_not_named(tmp_path, read):
    (tmp_path / "text.mp3").write_text("not audio " * 200)
    for path in (tmp_path / "text.mp3", numbered_video(tmp_path / "mute.mp4", 5)):
        with pytest.raises(BadMedia) as caught:
            read(path)
        assert caught.value.reason == "unreadable"
        assert str(tmp_path) not in caught.value.problem
