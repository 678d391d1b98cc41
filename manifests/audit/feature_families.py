"""All facts of the files that a shortcut could use, as one table, and the families they belong to. N files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unmask.manifests.audit import header_features as metadata
from unmask.manifests.audit import image_encoding as picture
from unmask.manifests.audit.header_features import coded, metadata_facts
from unmask.manifests.manifest import MediaRow
from unmask.media import silence

EVERYTHING = "all metadata"

# name -> (its facts, what they are)
FAMILIES: dict[str, tuple[tuple[str, ...], str]] = {
    "file size": (("bytes", "bytes_per_pixel", "bytes_per_second"), "bytes, also per pixel and per second (bitrate)"),
    "resolution": (("width", "height", "pixels", "aspect"), "width, height and what follows from them"),
    "length": (("duration_s", "frames", "fps"), "duration, number and rate of frames"),
    "sound format": (("audio_codec", "sample_rate", "channels"), "codec, sample rate and channels of the sound"),
    "encoding": (
        ("extension", "container", "video_codec", *picture.NUMBERS, *picture.NAMES),
        "container, codec and extension; of images JPEG tables, quality, chroma subsampling, embedded blocks",
    ),
    "silence and duration": (
        silence.SILENCE_FEATURES,
        "silence at both ends and in all, duration; of files with sound",
    ),
    "streams": (("kind", "has_sound", "has_text"), "which of picture, sound and text there are, not what is in them"),
}
SILENCE = "silence and duration"
SILENT = tuple(name for name in silence.SILENCE_FEATURES if name != "duration_s")


@dataclass(frozen=True)
class Features:
    names: tuple[str, ...]
    values: NDArray[np.float64]
    """(N, F), NaN where a file has none. Names such as codecs are codes: ranks of their frequency."""
    named: NDArray[np.bool_]
    """(F,) Is it a name?"""
    words: Mapping[str, Sequence[str | None]]
    """(N,) of each name, as it is in the files."""

    def columns(self, names: Sequence[str]) -> list[int]:
        return [self.names.index(name) for name in names if name in self.names]

    def constant(self, column: int) -> str | None:
        """The one value that all files have; None where they differ or none has any."""
        found = self.values[:, column]
        if np.isnan(found).any() or len(np.unique(found)) != 1:
            return None
        name = self.names[column]
        return str(self.words[name][0]) if name in self.words else f"{found[0]:g}"


def features(rows: Sequence[MediaRow], pictures: pa.Table, sounds: pa.Table) -> Features:
    """`pictures` and `sounds`: N rows of the columns of picture.PICTURE and sound.SOUND, null where there are none."""
    everyone = np.ones(len(rows), np.bool_)
    facts, named = metadata_facts(rows, everyone)
    words = {name: pictures.column(name).to_pylist() for name in picture.NAMES}
    parts = [facts, *(coded(values, everyone)[:, None] for values in words.values())]
    parts += [_numbers(pictures, picture.NUMBERS), _numbers(sounds, SILENT), _streams(rows)]
    names = (*metadata.NUMBERS, *metadata.NAMES, *picture.NAMES, *picture.NUMBERS, *SILENT, "has_sound", "has_text")
    flags = [*named, *[True] * len(picture.NAMES), *[False] * (len(picture.NUMBERS) + len(SILENT)), False, False]
    own = dict(zip(metadata.NAMES, zip(*map(metadata.names_of, rows), strict=True), strict=True)) if rows else {}
    return Features(names, np.concatenate(parts, axis=1), np.array(flags), {**own, **words})


def _numbers(table: pa.Table, names: Sequence[str]) -> NDArray[np.float64]:
    columns = [np.array(table.column(name).to_pylist(), np.float64) for name in names]  # None becomes NaN
    return np.stack(columns, axis=1)


def _streams(rows: Sequence[MediaRow]) -> NDArray[np.float64]:
    """(N, 2) is there sound, is there text"""
    return np.array([(has_sound(row), row.text is not None) for row in rows], np.float64).reshape(-1, 2)


def has_sound(row: MediaRow) -> bool:
    return row.kind == "audio" or row.audio_codec is not None
