"""Channels are mixed as a player mixes them, and sound that cancels out in the mix is kept."""

from __future__ import annotations

import av
import numpy as np
import pytest
import soundfile

from unmask.media.audio.readers import SOUND_READERS, VIDEO_READERS, read_levels, read_start, use_track
from unmask.media.audio.waveform import ORDERS, VORBIS_ORDERS, Waveform
from unmask.preprocess.clip_audio import read_clip_audio
from unmask.preprocess.profiles import PreprocessSettings
from unmask.preprocess.trim_silence import plan_clips

RATE = 16_000
NOISE = np.random.default_rng(0).uniform(-0.3, 0.3, 2 * RATE).astype(np.float32)


def gain(samples: np.ndarray) -> float:
    return float(samples @ NOISE / (NOISE @ NOISE))


def clips_of(path):
    settings = PreprocessSettings(clip_seconds=1.0)
    audio = read_clip_audio(path, lambda track: plan_clips(track.start_s, track.end_s, track, settings), settings)
    assert audio is not None
    return audio


@pytest.mark.parametrize("layout", ["5.1", "7.1", "6.1", "quad"])
def test_surround_is_weighted_as_in_the_stereo_downmix_of_itu_r_bs_775(layout):
    names = tuple(channel.name for channel in av.AudioLayout(layout).channels)
    gains = {}
    for number, name in enumerate(names):
        channels = np.zeros((len(names), len(NOISE)), np.float32)
        channels[number] = NOISE
        others = np.random.default_rng(1).uniform(-0.3, 0.3, len(NOISE)).astype(np.float32)
        channels += others  # enough sound in all channels that the mix is not empty
        gains[name] = gain(Waveform(0.0, RATE, channels, names).mono - others)
    assert gains.get("LFE", 0.0) == pytest.approx(0, abs=1e-3)
    assert gains["FL"] == pytest.approx(gains["FR"])
    for name, relative in {"FC": 2**0.5, "BL": 0.5**0.5, "SL": 0.5**0.5, "BC": 1.0}.items():
        if name in gains:
            assert gains[name] / gains["FL"] == pytest.approx(relative, rel=0.01)
    assert sum(gains.values()) == pytest.approx(1, abs=0.01), "the mix of equal channels is as loud as one"


@pytest.mark.parametrize("reader", SOUND_READERS)
@pytest.mark.parametrize("channel", range(6))
def test_channels_of_a_file_are_named(tmp_path, reader, channel):
    six = np.random.default_rng(1).uniform(-0.1, 0.1, (len(NOISE), 6)).astype(np.float32)
    six[:, channel] += NOISE
    soundfile.write(tmp_path / "six.wav", six, RATE, subtype="FLOAT")
    with SOUND_READERS[reader](tmp_path / "six.wav") as track:
        section = track.read(0.0, 2.0)
    assert section.layout == ORDERS[6]
    # Sound in the low-frequency channel alone is sound too.
    assert section.mix().channel == ("LFE" if channel == 3 else None)


def test_vorbis_has_an_order_of_its_own(tmp_path):
    six = np.zeros((len(NOISE), 6), np.float32)
    six[:, 1], six[:, 5] = NOISE, NOISE[::-1]
    soundfile.write(tmp_path / "six.ogg", six, RATE, format="OGG", subtype="VORBIS")
    _, section = use_track(tmp_path / "six.ogg", lambda track: track.read(0.0, 2.0))
    assert section.layout == VORBIS_ORDERS[6]
    assert gain(section.mono) == pytest.approx(2**0.5 / (2 + 2**0.5 + 2**0.5), rel=0.05), (
        "its second channel is the center"
    )


@pytest.mark.parametrize("right", [-1.0, -0.9, -1.1])
@pytest.mark.parametrize("suffix", ["flac", "mp3"])
def test_opposite_channels_do_not_become_silence(tmp_path, right, suffix):
    path = tmp_path / f"opposite.{suffix}"
    soundfile.write(path, np.stack([NOISE, right * NOISE], axis=1), RATE)
    audio = clips_of(path)
    assert audio.quality is not None
    assert audio.quality.channel == ("right" if right < -1 / 0.9**0.5 else "left")
    louder = max(1.0, abs(right)) if right < -1 / 0.9**0.5 else 1.0
    for samples in audio.samples:
        assert np.sqrt((samples / 32768.0) ** 2).mean() == pytest.approx(louder * np.abs(NOISE).mean(), rel=0.1)
    rms = read_levels(path).rms
    assert np.median(rms) > 0.1
    assert np.abs(read_start(path, 1.0)[0]).mean() > 0.1


@pytest.mark.parametrize("right", [NOISE, np.zeros_like(NOISE), NOISE[::-1], NOISE / 2, -NOISE / 2])
def test_other_stereo_is_averaged(right):
    mix = Waveform(0.0, RATE, np.stack([NOISE, right])).mix()
    assert mix.channel is None
    np.testing.assert_allclose(mix.samples, (NOISE + right) / 2, atol=1e-6)


def test_opposite_channels_of_a_video_are_kept_too(tmp_path):
    both = np.stack([NOISE, -NOISE])
    with av.open(str(tmp_path / "film.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=RATE, layout="stereo")
        for begin in range(0, len(NOISE), 1024):
            samples = np.ascontiguousarray(both[:, begin : begin + 1024])
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = RATE, begin
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    _, section = use_track(tmp_path / "film.mp4", lambda track: track.read(0.0, 1.5), VIDEO_READERS)
    assert section.mix().channel == "left"
    assert np.sqrt((section.mono**2).mean()) > 0.1


def test_loudness_counts_every_channel_and_samples_that_are_not_finite_as_silence():
    channels = np.stack([NOISE, -NOISE])
    channels[:, :160] = np.nan
    rms = Waveform(0.0, RATE, channels).rms()
    assert rms[0] == 0
    assert rms[1:].min() > 0.1
