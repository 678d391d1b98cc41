"""Random access to the sound files that libsndfile reads: WAV, FLAC, Ogg, AIFF and others."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import soundfile

from unmask.core.files.regular_files import open_for_decoder
from unmask.media.audio.joined_streams import find_streams, is_mpeg_audio, read_span
from unmask.media.audio.resampling import get_context_seconds, resample_section
from unmask.media.audio.waveform import ORDERS, VORBIS_ORDERS, NoAudio, Track, Waveform, join_sections, name_channels
from unmask.media.containers import DECODING_ERRORS, open_container

# Bytes that a file without a sample may have.
LARGEST_HEADER = 4096


@contextmanager
def open_soundfile(path: Path) -> Iterator[Track]:
    """A file that libsndfile reads. Raises `soundfile.SoundFileError` or `NoAudio`."""
    with open_soundfiles(path) as files:
        rate = int(files[0].samplerate)
        ends = _find_ends(files, rate)
        layout = _read_layout(path, files[0])

        def read(from_s: float, to_s: float) -> Waveform:
            first = min(max(0, round(from_s * rate)), ends[-1])
            last = min(max(first, round(to_s * rate)), ends[-1])
            sections = [
                _read_section(file, max(0, first - begin), min(last, end) - begin, rate, layout)
                for file, begin, end in zip(files, [0, *ends], ends, strict=False)
                if first < end and last > begin
            ]
            return join_sections(sections, first / rate, rate)

        yield Track(start_s=0.0, end_s=ends[-1] / rate, rate=rate, read=read)


@contextmanager
def open_soundfiles(path: Path) -> Iterator[list[soundfile.SoundFile]]:
    """Every stream of the file that has samples, in order. Raises `soundfile.SoundFileError` or `NoAudio`."""
    if is_mpeg_audio(path):
        raise soundfile.SoundFileRuntimeError("MPEG audio is read by FFmpeg")
    spans = find_streams(path)
    with ExitStack() as stack:
        if len(spans) == 1:
            sources: list[BinaryIO] = [stack.enter_context(open_for_decoder(path))]
        else:
            sources = [io.BytesIO(read_span(path, span)) for span in spans]
        files = [stack.enter_context(soundfile.SoundFile(source)) for source in sources]
        if not all(_has_its_end(file) for file in files):
            raise soundfile.SoundFileRuntimeError("it has not as many samples as its header says")
        files = [file for file in files if file.frames > 0]
        if not files and path.stat().st_size > LARGEST_HEADER:
            raise soundfile.SoundFileRuntimeError("a recorder that was stopped never wrote its length")
        if not files:
            raise NoAudio
        yield files


def _has_its_end(file: soundfile.SoundFile) -> bool:
    """False for a FLAC file that was cut off or does not say how long it is. libsndfile checks other headers itself."""
    if file.format != "FLAC" or file.frames <= 0:
        return True
    try:
        file.seek(file.frames - 1)
        return len(file.read(1)) == 1
    except soundfile.SoundFileError:
        return False
    finally:
        file.seek(0)


def _find_ends(files: Sequence[soundfile.SoundFile], rate: int) -> list[int]:
    """Samples at `rate` up to the end of each stream."""
    ends, end = [], 0
    for file in files:
        end += round(file.frames * rate / file.samplerate)
        ends.append(end)
    return ends


def _read_section(file: soundfile.SoundFile, first: int, last: int, rate: int, layout: tuple[str, ...]) -> Waveform:
    """Samples `first` to `last`, at `rate`, of one stream."""
    own = int(file.samplerate)
    context = get_context_seconds(own, rate)
    begin = max(0, int((first / rate - context) * own)) if context else first
    end = int((last / rate + context) * own) + 1 if context else last
    file.seek(min(begin, file.frames))
    samples = file.read(end - begin, dtype="float32", always_2d=True)
    samples, begin = resample_section(samples, begin, own, rate)
    samples = samples[max(0, first - begin) :][: last - first]
    return Waveform(first / rate, rate, samples.T, layout if len(layout) == samples.shape[1] else ())


def _read_layout(path: Path, file: soundfile.SoundFile) -> tuple[str, ...]:
    """Loudspeaker of each channel, in the file's order; empty for mono and stereo."""
    if file.channels <= 2:
        return ()
    if file.format == "OGG":
        return VORBIS_ORDERS.get(file.channels, ())
    try:
        with open_container(path) as container:
            return name_channels(container.streams.audio[0].layout, file.channels)
    except (*DECODING_ERRORS, IndexError):
        return ORDERS.get(file.channels, ())
