"""The readers of audio, and what is read of a file at once.

SOUND_READERS   sound files: random access to a `Track`, all channels
VIDEO_READERS   the audio of videos, on the clock of their frames
read_start      the beginning of a file, mono: perceptual hashes
read_levels     RMS per 10 ms frame, level and bandwidth of a whole file, in constant memory: the audit
read_header     length, rate and codec: the scan

Samples are float32, full scale 1. libsndfile reads a file if it can, FFmpeg else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import soundfile
from numpy.typing import NDArray

from unmask.core.errors import BadMedia
from unmask.core.files.regular_files import open_for_decoder
from unmask.media.audio.level import LevelMeter
from unmask.media.audio.silence import get_frame_length
from unmask.media.audio.sound_files import open_sound
from unmask.media.audio.soundfile_reader import open_soundfile, open_soundfiles
from unmask.media.audio.video_track import open_video_audio
from unmask.media.audio.waveform import NoAudio, Track
from unmask.media.containers import DECODING_ERRORS
from unmask.media.timeline import REMEDY

AUDIO_ERRORS = (soundfile.SoundFileError, *DECODING_ERRORS)
"""Raised by the readers for a file that they cannot decode."""

# Frames of 10 ms per block of `read_levels`: 10 s.
FRAMES_PER_BLOCK = 1_000

Readers = Mapping[str, Callable[[Path], AbstractContextManager[Track]]]
Result = TypeVar("Result")

SOUND_READERS: Readers = {"soundfile": open_soundfile, "pyav": open_sound}
VIDEO_READERS: Readers = {"pyav": open_video_audio}


def use_track(path: Path, action: Callable[[Track], Result], readers: Readers = SOUND_READERS) -> tuple[str, Result]:
    """Name of the first reader that decodes the file, and what `action` returns for its track.

    Raises `NoAudio`, or `BadMedia` "unreadable" if no reader can decode it. Messages name no folder: what is stored is
    the same on every machine.
    """
    problems = []
    for name, open_track in readers.items():
        try:
            with open_track(path) as track:
                return name, action(track)
        except MemoryError:  # FFmpeg's MemoryError is one of the errors below too
            raise
        except AUDIO_ERRORS as error:
            problems.append(f"{name}: {error}".replace(str(path), path.name))
    raise BadMedia(path, "unreadable", f"its audio cannot be decoded ({'; '.join(problems)})", REMEDY)


def read_start(path: Path, seconds: float) -> tuple[NDArray[np.float32], int]:
    """(S,) mono samples of the first `seconds`, and their rate in Hz. Raises `BadMedia` "unreadable"."""

    def read(track: Track) -> tuple[NDArray[np.float32], int]:
        return track.read(0.0, seconds).mono, track.rate

    return _read_sound(path, read)


def read_levels(path: Path) -> LevelMeter:
    """Levels of the whole file. Raises `BadMedia` "unreadable"."""

    def read(track: Track) -> LevelMeter:
        meter = LevelMeter(track.rate)
        step_s = FRAMES_PER_BLOCK * get_frame_length(track.rate) / track.rate
        count = max(1, round(track.end_s / step_s + 0.5))
        for number in range(count):
            meter.add(track.read(step_s * number, step_s * (number + 1)))
        return meter

    return _read_sound(path, read)


def read_header(path: Path) -> dict[str, Any] | None:
    """duration_s, sample_rate, channels, audio_codec and container of a file that libsndfile reads; else None."""
    try:
        with open_soundfiles(path) as files:
            return _describe_header(files[0], sum(file.frames / file.samplerate for file in files))
    except NoAudio:
        with open_for_decoder(path) as file:
            return _describe_header(soundfile.info(file), 0.0)
    except soundfile.SoundFileError:
        return None


def _describe_header(first: Any, seconds: float) -> dict[str, Any]:
    return {
        "duration_s": seconds,
        "sample_rate": first.samplerate,
        "channels": first.channels,
        "audio_codec": first.subtype.lower(),
        "container": first.format.lower(),
    }


def _read_sound(path: Path, action: Callable[[Track], Result]) -> Result:
    try:
        return use_track(path, action)[1]
    except NoAudio as error:
        raise BadMedia(path, "unreadable", "it contains no audio", REMEDY) from error
