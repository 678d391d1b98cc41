"""A recording is read from its first to its last sample, however its file is put together."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from sound_streams import RATE, join, make_tone, write_mp3, write_tone

from unmask.manifests.scan.probe import probe_file
from unmask.media.audio import sound_files
from unmask.media.audio.joined_streams import find_streams
from unmask.media.audio.readers import SOUND_READERS, read_levels, use_track
from unmask.media.audio.waveform import Waveform

PADDING_S = 0.2
"""An encoder's delay and padding where the file does not tell them."""


def read_whole(path: Path) -> Waveform:
    return use_track(path, lambda track: track.read(0.0, track.end_s))[1]


def pitch(samples: np.ndarray, rate: int) -> float:
    return float(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))).argmax() * rate / len(samples))


def check_length(path: Path, seconds: float) -> Waveform:
    """Scan, decoding and the audit agree on the length."""
    whole = read_whole(path)
    rms = read_levels(path).rms
    lengths = (probe_file(path, "audio").duration_s, whole.end_s, len(rms) / 100)
    assert lengths == pytest.approx((seconds,) * 3, abs=PADDING_S)
    return whole


def speak(loud_s: float, quiet_s: float) -> np.ndarray:
    """Noise before a much quieter tone: with a variable bit rate the first seconds tell nothing about the rest."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, round(loud_s * RATE))
    return np.concatenate([noise, make_tone(quiet_s) / 30]).astype(np.float32)


@pytest.mark.parametrize("sound", [speak(2, 8), speak(2, 8)[::-1].copy()], ids=["loud first", "quiet first"])
def test_an_mp3_without_a_length_is_counted(tmp_path, sound):
    check_length(write_mp3(tmp_path / "speech.mp3", sound, length_tag=False), 10.0)


@pytest.mark.parametrize("length", [b"\0\0\0\0", b"\xff\xff\xff\xff"], ids=["none", "unknown"])
@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT", "ULAW"])
def test_a_wav_whose_recorder_was_stopped_is_read_to_its_end(tmp_path, subtype, length):
    path = tmp_path / "stopped.wav"
    soundfile.write(path, make_tone(5), RATE, subtype=subtype)
    whole = path.read_bytes()
    data = whole.index(b"data")
    path.write_bytes(whole[:4] + length + whole[8 : data + 4] + length + whole[data + 8 :])
    check_length(path, 5.0)


def test_silence_before_the_audio_is_as_long_as_it_was(tmp_path):
    sound = np.concatenate([np.zeros(3 * RATE, np.float32), make_tone(4)])
    whole = check_length(write_mp3(tmp_path / "late.mp3", sound, length_tag=False), 7.0)
    loud = np.flatnonzero(whole.rms() > 0.01)
    assert (loud[0] / 100, loud[-1] / 100) == pytest.approx((3.0, 7.0), abs=PADDING_S)


@pytest.mark.parametrize("suffix", ["flac", "ogg", "opus", "mp3"])
@pytest.mark.parametrize("second", ["another", "the same"])
def test_joined_files_are_read_to_the_end_of_the_last(tmp_path, suffix, second):
    first = write_tone(tmp_path / f"a.{suffix}", 3.0)
    other = first if second == "the same" else write_tone(tmp_path / f"b.{suffix}", 2.5, 660.0)
    whole = check_length(join(tmp_path / f"joined.{suffix}", first, other), 6.0 if other == first else 5.5)
    assert pitch(whole.mono[: 2 * RATE], RATE) == pytest.approx(440, abs=1)
    assert pitch(whole.mono[-2 * RATE :], RATE) == pytest.approx(440 if other == first else 660, abs=1)
    assert whole.rms()[5:-10].min() > 0.1, "no silence is put between them"


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3"])
def test_a_change_of_the_sample_rate_keeps_pitch_and_length(tmp_path, suffix):
    parts = write_tone(tmp_path / f"a.{suffix}", 3.0), write_tone(tmp_path / f"b.{suffix}", 2.5, 660.0, 24_000)
    whole = check_length(join(tmp_path / f"changing.{suffix}", *parts), 5.5)
    assert whole.rate == RATE
    assert pitch(whole.mono[-2 * RATE :], RATE) == pytest.approx(660, abs=1)


def test_a_change_of_the_rate_within_an_mp3_stream_is_resampled(tmp_path):
    tones = {rate: make_tone(3, rate=rate) for rate in (RATE, 44_100)}
    parts = [write_mp3(tmp_path / f"{rate}.mp3", tone, rate, length_tag=False) for rate, tone in tones.items()]
    whole = check_length(join(tmp_path / "changing.mp3", *parts), 6.0)
    assert pitch(whole.mono[-2 * RATE :], RATE) == pytest.approx(440, abs=1)


def test_a_change_of_the_rate_within_an_aac_stream_is_resampled(tmp_path):
    for rate in (RATE, 44_100):
        with av.open(str(tmp_path / f"{rate}.aac"), "w", format="adts") as container:
            stream = container.add_stream("aac", rate=rate, layout="mono")
            tone = make_tone(3, rate=rate)
            for begin in range(0, len(tone), 1024):
                frame = av.AudioFrame.from_ndarray(tone[None, begin : begin + 1024], format="fltp", layout="mono")
                frame.sample_rate, frame.pts = rate, begin
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    path = join(tmp_path / "changing.aac", tmp_path / f"{RATE}.aac", tmp_path / "44100.aac")
    whole = check_length(path, 6.1)
    assert pitch(whole.mono[-2 * RATE :], RATE) == pytest.approx(440, abs=1)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "opus", "mp3"])
def test_one_recording_is_one_stream_of_its_exact_length(tmp_path, suffix):
    path = write_tone(tmp_path / f"plain.{suffix}", 2.0)
    assert find_streams(path) == [(0, path.stat().st_size)]
    assert read_whole(path).end_s == pytest.approx(2.0, abs=1e-6)


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3"])
def test_any_section_is_that_of_the_whole(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(sound_files, "KEPT_SAMPLES", 1000)  # as for a recording of hours
    first = write_tone(tmp_path / f"a.{suffix}", 2.0)
    second = write_tone(tmp_path / f"b.{suffix}", 2.0, 550, 22_050)
    path = join(tmp_path / f"joined.{suffix}", first, second)
    whole = read_whole(path).mono
    for name in SOUND_READERS if suffix == "flac" else ["pyav" if suffix == "mp3" else "soundfile"]:
        with SOUND_READERS[name](path) as track:
            for begin, end in ((1.5, 2.5), (0.25, 0.5), (3.0, 3.5), (0.4, 3.9)):
                section = track.read(begin, end)
                expected = whole[round(begin * RATE) : round(end * RATE)]
                np.testing.assert_allclose(section.mono, expected, atol=1e-4)


@pytest.mark.parametrize("joined", [False, True])
def test_of_a_flac_file_that_was_cut_off_all_that_is_there_is_read(tmp_path, joined):
    soundfile.write(tmp_path / "whole.flac", speak(6, 0), RATE)
    content = (tmp_path / "whole.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(content * joined + content[: len(content) // 2])
    check_length(tmp_path / "cut.flac", 6.0 * joined + 3.0)


def test_a_flac_file_that_does_not_say_how_long_it_is_is_counted(tmp_path):
    """As encoders write it to a pipe: 36 bits of zero for the number of samples."""
    soundfile.write(tmp_path / "whole.flac", speak(3, 0), RATE)
    content = bytearray((tmp_path / "whole.flac").read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    (tmp_path / "piped.flac").write_bytes(content)
    check_length(tmp_path / "piped.flac", 3.0)


def test_a_broken_packet_costs_only_itself(tmp_path):
    path = write_mp3(tmp_path / "noise.mp3", speak(5, 0))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 300] = b"\xaa" * 300
    path.write_bytes(content)
    assert read_whole(path).end_s == pytest.approx(5.0, abs=0.2)


def test_nothing_is_printed_while_mp3_files_are_read(tmp_path):
    """libmpg123 prints to stderr without naming the file."""
    plain = write_mp3(tmp_path / "plain.mp3", make_tone(2))
    bare = write_mp3(tmp_path / "bare.mp3", make_tone(2), length_tag=False)
    join(tmp_path / "joined.mp3", plain, plain, bare)
    (tmp_path / "junk.mp3").write_bytes(b"\0" * 5000 + plain.read_bytes())
    (tmp_path / "cut.mp3").write_bytes(plain.read_bytes()[:3000])
    (tmp_path / "text.mp3").write_text("no sound " * 500)
    code = """
import sys
from pathlib import Path
from unmask.core.errors import BadMedia
from unmask.manifests.scan.probe import probe_file
from unmask.media.audio.readers import read_levels
for path in map(Path, sys.argv[1:]):
    probe_file(path, "audio")
    try:
        read_levels(path)
    except BadMedia:
        print(path.name)
"""
    paths = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run(
        [sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert (done.stdout, done.stderr) == ("text.mp3\n", "")
