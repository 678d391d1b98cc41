"""A CSV or Parquet table as a dataset: `<name>.csv` directly in the data root, with the columns

    path, label                       required; paths are relative to the table's folder, labels 0/1 or real/fake
    split, people, source, method,    optional; several identities or sources are separated by ";"
    video_fake, audio_fake, text,     (in Parquet they may be lists)
    compression                       raw, c23 or c40

Identities and sources belong to this table, unless they name another dataset's as in "dfd:01".
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from unmask.core.errors import UsageError
from unmask.manifests.datasets.base import KINDS, SPLIT_NAMES, Facts, File, Scanned, make_row
from unmask.manifests.datasets.custom_folder import make_facts
from unmask.manifests.datasets.sidecars import TABLE, Sidecars
from unmask.manifests.findings import Ignored
from unmask.manifests.manifest import COMPRESSIONS, Compression, MediaRow
from unmask.manifests.manifest import FORMAT as MANIFEST

SUFFIXES = (".csv", ".parquet")
NEEDED = ("path", "label")
OPTIONAL = ("split", "people", "source", "method", "video_fake", "audio_fake", "text", "compression")
FLAGS = {"1": True, "true": True, "fake": True, "0": False, "false": False, "real": False}


def is_table(path: Path) -> bool:
    """Does it have a known suffix and the required columns, without being a manifest?"""
    return is_candidate(path) and not find_missing_columns(path)


def is_candidate(path: Path) -> bool:
    """Does it have a known suffix, without being a table of transcripts?"""
    if path.suffix.lower() not in SUFFIXES or path.name.lower() == TABLE:
        return False
    # Path.is_file raises for a link whose target may not be read.
    return os.path.isfile(path)  # noqa: PTH113


def find_missing_columns(path: Path) -> list[str]:
    """The required columns that are missing: all of them when it cannot be read."""
    try:
        present = _read_columns(path)
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException):
        present = []
    return [name for name in NEEDED if name not in present]


def scan(path: Path, key: str, domain_id: int) -> Scanned:
    """One row per line. `UsageError` for a wrong line: the user wrote the table and can correct it."""
    rows: dict[str, MediaRow] = {}
    with _map_read_errors(path):
        unknown = [name for name in _read_columns(path) if name not in (*NEEDED, *OPTIONAL)]
        for number, line in _read_lines(path):
            try:
                row = _make_row(line, key, domain_id, path.parent)
                if row.path in rows:
                    raise ValueError(f"{row.path} is listed twice")
            except ValueError as error:
                raise UsageError(f"{path}, line {number}: {error}", "correct the line and scan again") from error
            rows[row.path] = row
    ignored = [Ignored(key, path.name, f"unknown column, not read: {name or '(no name)'}") for name in unknown]
    return Scanned(rows=[rows[name] for name in sorted(rows)], ignored=ignored)


def _make_row(line: Mapping[str, Any], key: str, domain_id: int, root: Path) -> MediaRow:
    name = _make_relative(str(line["path"] or "").strip(), root)
    kind = KINDS.get(PurePosixPath(name).suffix.lower())
    if kind is None:
        raise ValueError(f"path {name!r} has none of the suffixes {' '.join(KINDS)}")
    label = _parse_flag(line["label"], "label")
    if label is None:
        raise ValueError("no label")
    known = _add_columns(line, key, make_facts(kind, int(label)))
    return make_row(key, domain_id, File(name, kind, (), "", ""), known, Sidecars(root))


def _make_relative(name: str, root: Path) -> str:
    """`name` relative to the table's folder, with "/"; also for an absolute path inside it."""
    path = PurePosixPath(name.replace("\\", "/"))
    if "\0" in name:
        raise ValueError(f"path {name!r} contains a zero byte")
    if PureWindowsPath(name).drive:
        raise ValueError(f"path {name!r} names a drive; write it relative to the table's folder")
    if path.is_absolute():
        for base in (root.absolute(), root.resolve()):
            if path.is_relative_to(base):
                return path.relative_to(base).as_posix()
        raise ValueError(f"path {name!r} is outside the table's folder; move the table above its media")
    return path.as_posix()


def _add_columns(line: Mapping[str, Any], key: str, plain: Facts) -> Facts:
    """`plain` (from kind and label) with the values of the optional columns."""
    video_fake, audio_fake = (
        _parse_flag(line.get("video_fake"), "video_fake"),
        _parse_flag(line.get("audio_fake"), "audio_fake"),
    )
    split = _parse_choice(line, "split", SPLIT_NAMES)
    levels: dict[str, Compression] = {level: level for level in COMPRESSIONS}
    level = _parse_choice(line, "compression", levels)
    return replace(
        plain,
        method=str(line.get("method") or "").strip().lower() or "unknown",
        video_fake=plain.video_fake if video_fake is None else video_fake,
        audio_fake=plain.audio_fake if audio_fake is None else audio_fake,
        people=_parse_keys(line.get("people"), key),
        sources=_parse_keys(line.get("source"), key),
        official_split=SPLIT_NAMES[split] if split else None,
        compression=levels[level] if level else None,
        text=str(line.get("text") or "").strip() or None,
    )


def _parse_choice(line: Mapping[str, Any], column: str, known: Iterable[str]) -> str:
    value = str(line.get(column) or "").strip().lower()
    if value and value not in known:
        raise ValueError(f"{column} {value!r} is none of {', '.join(known)}")
    return value


def _parse_keys(value: Any, key: str) -> tuple[str, ...]:
    names = value.split(";") if isinstance(value, str) else [str(name) for name in value or ()]
    stripped = (name.strip() for name in names)
    return tuple(dict.fromkeys(name if ":" in name else f"{key}:{name}" for name in stripped if name))


def _parse_flag(value: Any, column: str) -> bool | None:
    text = str(value if value is not None else "").strip().lower()
    if text in ("", "nan", "none"):
        return None
    if text.removesuffix(".0") not in FLAGS:
        raise ValueError(f"{column} {value!r} is none of 0, 1, real, fake, true, false")
    return FLAGS[text.removesuffix(".0")]


@contextmanager
def _map_read_errors(path: Path) -> Iterator[None]:
    """Map errors of reading the lines to `UsageError`."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})", "save it as UTF-8") from error
    except (OSError, csv.Error, pa.ArrowException) as error:
        raise UsageError(f"{path}: cannot be read ({error})", "write the table again") from error


def _read_columns(path: Path) -> list[str]:
    if path.suffix.lower() == ".parquet":
        schema = pq.read_schema(path)
        # A manifest has the columns too, but its paths belong to other datasets; it is here when this is a work folder.
        return [] if MANIFEST.encode() in (schema.metadata or {}) else _normalize_names(schema.names)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return _normalize_names(next(csv.reader(file), []))


def _read_lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(Line number, column -> value) per line; Parquet rows are counted from 2, like lines of a CSV with a header."""
    if path.suffix.lower() == ".parquet":
        number = 1
        for batch in pq.ParquetFile(path).iter_batches(batch_size=10_000):
            for line in batch.rename_columns(_normalize_names(batch.schema.names)).to_pylist():
                number += 1
                yield number, line
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file)
        names = _normalize_names(next(lines, []))
        for values in lines:
            if any(values):
                yield lines.line_num, dict.fromkeys(names) | dict(zip(names, values, strict=False))


def _normalize_names(names: Iterable[str]) -> list[str]:
    return [name.strip().lower() for name in names]
