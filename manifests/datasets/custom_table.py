"""A table as a dataset: `<name>.csv`, `.tsv` or `.parquet` directly in the data root, with the columns

    path, label                       required; labels 0/1, real/fake or another name of a class
    split, people, source, method,    optional; several identities or sources are separated by ";"
    video_fake, audio_fake, text,     (in Parquet they may be lists)
    compression                       raw, c23 or c40

Paths are relative to the table's folder, or to the media root, or absolute. Empty in every column: nothing, nan, none,
null, n/a, NA and "-". Identities and sources belong to this table, unless they name another dataset's as in "dfd:01".
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from unmask.core.errors import UsageError
from unmask.manifests.datasets.base import Facts, File, Scanned, make_row
from unmask.manifests.datasets.custom_folder import make_facts
from unmask.manifests.datasets.file_tree import fold, list_files
from unmask.manifests.datasets.folder_names import SPLITS, parse_label
from unmask.manifests.datasets.sidecars import Sidecars
from unmask.manifests.datasets.tables.lines import (
    EXTRA,
    INDEX,
    SUFFIXES,
    clean,
    map_read_errors,
    read_columns,
    read_lines,
)
from unmask.manifests.datasets.tables.paths import TablePlaces, find_places
from unmask.manifests.datasets.tables.transcripts import is_transcripts
from unmask.manifests.findings import Conflict, Ignored
from unmask.manifests.manifest import COMPRESSIONS, Compression, MediaRow
from unmask.media.media_kind import KINDS, find_kind

NEEDED = ("path", "label")
OPTIONAL = ("split", "people", "source", "method", "video_fake", "audio_fake", "text", "compression")
# Names of other collections' tables for the required columns, without separators; the surest first.
LIKELY = {
    "path": (
        *("filepath", "filename", "file", "imagepath", "videopath", "audiopath", "imagefile", "videofile", "audiofile"),
        *("image", "video", "audio", "img", "imgpath", "clip", "clippath", "media", "name", "imageid", "videoid"),
    ),
    "label": (
        *("isfake", "fake", "realorfake", "realfake", "target", "class", "classname", "classid", "labels", "labelid"),
        *("groundtruth", "gt", "y", "spoof", "isspoof", "category", "type"),
    ),
}
COLUMNS_SHOWN = 12
FLAGS = {"1": 1, "true": 1, "0": 0, "false": 0}
# Not an identity: it would tie all its rows into one group.
NOBODY = {"unknown", "unk", "?"}


def is_table(path: Path) -> bool:
    """Does it have a known suffix and the required columns, without being a manifest?"""
    return is_candidate(path) and not find_missing_columns(path)


def is_candidate(path: Path) -> bool:
    """Does it have a known suffix, without being a table of transcripts?"""
    if path.suffix.lower() not in SUFFIXES or is_transcripts(path.name):
        return False
    # Path.is_file raises for a link whose target may not be read.
    return os.path.isfile(path)  # noqa: PTH113


def find_missing_columns(path: Path) -> list[str]:
    """The required columns that are missing: all of them when it cannot be read."""
    present = _read_names(path)
    return [name for name in NEEDED if name not in present]


def describe_columns(path: Path) -> tuple[str, str]:
    """Problem and remedy of a table without the required columns."""
    with map_read_errors(path):
        present = [name for name in read_columns(path, NEEDED) if name]
    missing = [name for name in NEEDED if name not in present]
    listed = ", ".join(present[:COLUMNS_SHOWN]) + ", ..." * (len(present) > COLUMNS_SHOWN)
    problem = f"no column {' and no column '.join(missing)}; its columns are {listed or 'none: it has no first line'}"
    likely = _find_likely(present)
    renamed = [f"{likely[name]} to {name}" for name in missing if name in likely]
    if renamed:
        return problem, f"rename the column {', and '.join(renamed)}; of a label in numbers 1 is fake"
    return problem, f"a CSV, TSV or Parquet table needs the columns {', '.join(NEEDED)}"


def looks_like_table(path: Path) -> bool:
    """Has it columns that are probably the path and the label under other names?"""
    present = _read_names(path)
    return {*present, *_find_likely(present)}.issuperset(NEEDED)


def _read_names(path: Path) -> list[str]:
    try:
        return read_columns(path, NEEDED)
    except (OSError, UnicodeError, csv.Error, pa.ArrowException):
        return []


def _find_likely(present: list[str]) -> dict[str, str]:
    """Required column -> the first column of `present` that is probably meant."""
    folded = {re.sub(r"[\W_]+", "", name): name for name in reversed(present)}
    found = {name: next((folded[key] for key in keys if key in folded), "") for name, keys in LIKELY.items()}
    return {name: column for name, column in found.items() if column}


def locate(path: Path, media_root: Path | None = None) -> TablePlaces:
    """Where the listed files lie. A table that cannot be read lists nothing: `scan` refuses it with the problem."""
    names: list[str] = []
    with suppress(OSError, UnicodeError, csv.Error, pa.ArrowException):
        names.extend(str(line.get("path") or "").strip() for _, line in read_lines(path, NEEDED))
    return find_places(path, filter(clean, names), media_root)


def scan(path: Path, key: str, domain_id: int, places: TablePlaces | None = None) -> Scanned:
    """One row per line. `UsageError` for a wrong line: the user wrote the table and can correct it."""
    places = places or locate(path)
    rows: dict[str, MediaRow] = {}
    with map_read_errors(path):
        columns = read_columns(path, NEEDED)
        twice = sorted({name for name in (*NEEDED, *OPTIONAL) if columns.count(name) > 1})
        if twice:
            raise UsageError(f"{path}: two columns are called {twice[0]}", "rename one of them")
        for number, line in read_lines(path, NEEDED):
            try:
                row = _make_row(line, key, domain_id, places)
                if row.path in rows:
                    raise ValueError(f"{row.path} is listed twice")
            except ValueError as error:
                raise UsageError(f"{path}, line {number}: {error}", "correct the line and scan again") from error
            rows[row.path] = row
    unknown = [name for name in columns if name not in (*NEEDED, *OPTIONAL) and not INDEX.fullmatch(name)]
    ignored = [Ignored(key, path.name, f"unknown column, not read: {name}") for name in unknown]
    conflicts = _find_absent(path, key, len(rows), places)
    return Scanned(rows=[rows[name] for name in sorted(rows)], ignored=ignored, conflicts=conflicts)


def _find_absent(path: Path, key: str, count: int, places: TablePlaces) -> list[Conflict]:
    """A conflict when listed files are not there, with a file that is probably meant."""
    if not places.missing:
        return []
    first = places.root / places.missing[0]
    alike = sorted(other.name for other in list_files(first.parent) if other.stem == first.name)
    problem = f"{len(places.missing)} of the {count} listed files are missing, such as {places.missing[0]}"
    if alike:
        return [Conflict(key, path.name, f"{problem}, beside {alike[0]}", "Write the paths with their suffix")]
    remedy = "Correct the paths; --media-root FOLDER names the folder that they are relative to"
    return [Conflict(key, path.name, problem, remedy)]


def _make_row(line: Mapping[str, Any], key: str, domain_id: int, places: TablePlaces) -> MediaRow:
    if line.get(EXTRA):
        raise ValueError(f"more values than columns, from {line[EXTRA][0]!r}: put a text with the separator in quotes")
    if not clean(line["path"]):
        raise ValueError("no path")
    name = places.make_relative(str(line["path"]).strip())
    suffix = PurePosixPath(name).suffix.lower()
    # What is no media fails as such when its header is read.
    kind = KINDS.get(suffix) or find_kind(places.root / name, suffix) or "image"
    label = _parse_flag(line["label"], "label")
    if label is None:
        raise ValueError("no label")
    known = _add_columns(line, key, make_facts(kind, int(label)))
    return make_row(key, domain_id, File(name, kind, (), "", ""), known, Sidecars(places.root))


def _add_columns(line: Mapping[str, Any], key: str, plain: Facts) -> Facts:
    """`plain` (from kind and label) with the values of the optional columns."""
    video_fake, audio_fake = (
        _parse_flag(line.get("video_fake"), "video_fake"),
        _parse_flag(line.get("audio_fake"), "audio_fake"),
    )
    split = _parse_choice(line, "split", SPLITS)
    levels: dict[str, Compression] = {level: level for level in COMPRESSIONS}
    level = _parse_choice(line, "compression", levels)
    return replace(
        plain,
        method=clean(line.get("method")).lower() or "unknown",
        video_fake=plain.video_fake if video_fake is None else video_fake,
        audio_fake=plain.audio_fake if audio_fake is None else audio_fake,
        people=_parse_keys(line.get("people"), key),
        sources=_parse_keys(line.get("source"), key),
        official_split=SPLITS[split] if split else None,
        compression=levels[level] if level else None,
        text=str(line["text"]).strip() if clean(line.get("text")) else None,
    )


def _parse_choice(line: Mapping[str, Any], column: str, known: Iterable[str]) -> str:
    value = clean(line.get(column)).lower()
    if value and value not in known:
        raise ValueError(f"{column} {value!r} is none of {', '.join(known)}")
    return value


def _parse_keys(value: Any, key: str) -> tuple[str, ...]:
    """Identities or sources: a list, or text with ";" between them. 1 and 1.0 are the same."""
    if isinstance(value, (list, tuple)):
        names = [clean(name) for name in value]
    else:
        text = clean(value)
        # A list that was written as text: ['ann', 'bob'].
        listed = re.fullmatch(r"\[(.*)\]", text)
        parts = re.split("[;,]", listed[1]) if listed else text.split(";")
        names = [clean(part.strip().strip("'\"") if listed else part) for part in parts]
    named = (name for name in names if name and name.casefold() not in NOBODY)
    return tuple(dict.fromkeys(name if ":" in name else f"{key}:{name}" for name in named))


def _parse_flag(value: Any, column: str) -> bool | None:
    text = clean(value).lower()
    if not text:
        return None
    label = FLAGS.get(text, parse_label(fold(text)))
    if label is None:
        raise ValueError(f"{column} {value!r} is none of 0, 1, real, fake, true, false")
    return bool(label)
