"""All features that a shortcut could use, as one table, and the families they belong to. N files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unmask.manifests import header_features
from unmask.manifests.audit import image_encoding
from unmask.manifests.header_features import encode_headers, encode_names, read_names
from unmask.manifests.manifest import MediaRow
from unmask.media.audio import silence
from unmask.media.audio.level import LEVEL_FEATURES

EVERYTHING = "all metadata"

# name -> (its features, what they are)
FAMILIES: dict[str, tuple[tuple[str, ...], str]] = {
    "file size": (("bytes", "bytes_per_pixel", "bytes_per_second"), "bytes, also per pixel and per second (bitrate)"),
    "resolution": (("width", "height", "pixels", "aspect"), "width, height, their product and ratio"),
    "length": (("duration_s", "frames", "fps"), "duration, number of frames, frame rate"),
    "audio format": (("audio_codec", "sample_rate", "channels"), "codec, sample rate and channels of the audio"),
    "encoding": (
        ("extension", "container", "video_codec", *image_encoding.NUMBERS, *image_encoding.NAMES),
        "container, codec and extension; for images JPEG tables, quality, chroma subsampling, embedded blocks",
    ),
    "silence and duration": (
        silence.SILENCE_FEATURES,
        "silence at both ends and in total, duration; files with audio only",
    ),
    "level": (("rms_db", "peak_db"), "loudness (RMS of what is not silent) and largest sample; files with audio only"),
    "bandwidth": (
        ("bandwidth_hz", "sample_rate"),
        "highest frequency above the noise floor, sample rate; files with audio only",
    ),
    "streams": (("kind", "has_sound", "has_text"), "which of image, audio and text exist, not their content"),
}
# Tried on the files with audio alone.
OF_AUDIO = ("silence and duration", "level", "bandwidth")
DECODED = (*(name for name in silence.SILENCE_FEATURES if name != "duration_s"), *LEVEL_FEATURES)
"""Features of the audio that its header does not give."""


@dataclass(frozen=True)
class Features:
    names: tuple[str, ...]
    values: NDArray[np.float64]
    """(N, F), NaN where missing. Names such as codecs are coded by the rank of their frequency."""
    is_name: NDArray[np.bool_]
    """(F,)"""
    words: Mapping[str, Sequence[str | None]]
    """Name -> (N,) its values as the files have them."""

    def find_columns(self, names: Sequence[str]) -> list[int]:
        return [self.names.index(name) for name in names if name in self.names]

    def restrict(self, names: Sequence[str], rows: NDArray[np.bool_]) -> Features:
        """The columns `names` of the files `rows` (N,)."""
        columns = self.find_columns(names)
        words = {
            name: [word for word, kept in zip(values, rows.tolist(), strict=True) if kept]
            for name, values in self.words.items()
            if name in names
        }
        kept = tuple(self.names[column] for column in columns)
        return Features(kept, self.values[rows][:, columns], self.is_name[columns], words)

    def find_constant(self, column: int) -> str | None:
        """The one value that all files have; None if they differ or some have none."""
        values = self.values[:, column]
        if np.isnan(values).any() or len(np.unique(values)) != 1:
            return None
        name = self.names[column]
        return str(self.words[name][0]) if name in self.words else f"{values[0]:g}"


def build_features(rows: Sequence[MediaRow], encodings: pa.Table, silences: pa.Table) -> Features:
    """`encodings` and `silences`: N rows of IMAGE_ENCODING and AUDIO_SILENCE, null where they do not apply."""
    everyone = np.ones(len(rows), np.bool_)
    header, is_name = encode_headers(rows, everyone)
    words = {name: encodings.column(name).to_pylist() for name in image_encoding.NAMES}
    parts = [header, *(encode_names(values, everyone)[:, None] for values in words.values())]
    parts += [_to_numbers(encodings, image_encoding.NUMBERS), _to_numbers(silences, DECODED), _read_modalities(rows)]
    names = (*header_features.NUMBERS, *header_features.NAMES, *image_encoding.NAMES, *image_encoding.NUMBERS)
    numbers = len(image_encoding.NUMBERS) + len(DECODED) + 2
    flags = [*is_name, *[True] * len(image_encoding.NAMES), *[False] * numbers]
    own = dict(zip(header_features.NAMES, zip(*map(read_names, rows), strict=True), strict=True)) if rows else {}
    names = (*names, *DECODED, "has_sound", "has_text")
    return Features(names, np.concatenate(parts, axis=1), np.array(flags), {**own, **words})


def _to_numbers(table: pa.Table, names: Sequence[str]) -> NDArray[np.float64]:
    columns = [np.array(table.column(name).to_pylist(), np.float64) for name in names]  # None becomes NaN
    return np.stack(columns, axis=1)


def _read_modalities(rows: Sequence[MediaRow]) -> NDArray[np.float64]:
    """(N, 2) has audio, has text."""
    return np.array([(has_audio(row), row.text is not None) for row in rows], np.float64).reshape(-1, 2)


def has_audio(row: MediaRow) -> bool:
    return row.kind == "audio" or row.audio_codec is not None
