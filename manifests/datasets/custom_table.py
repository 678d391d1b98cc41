"""A CSV or Parquet table as a dataset: `<name>.csv` directly in the data root, with the columns

    path, label                       needed; paths are relative to the table's folder, labels 0/1 or real/fake
    split, people, source, method,    optional; several people or sources are separated by ";"
    video_fake, audio_fake, text,     (in Parquet they may be lists)
    compression                       raw, c23 or c40

People and sources are this table's own, unless they name another dataset's as in "dfd:01".
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
from unmask.manifests.datasets.custom_folder import facts
from unmask.manifests.datasets.sidecars import TABLE, Sidecars
from unmask.manifests.findings import Ignored
from unmask.manifests.manifest import COMPRESSIONS, Compression, MediaRow
from unmask.manifests.manifest import FORMAT as MANIFEST

SUFFIXES = (".csv", ".parquet")
NEEDED = ("path", "label")
OPTIONAL = ("split", "people", "source", "method", "video_fake", "audio_fake", "text", "compression")
FLAGS = {"1": True, "true": True, "fake": True, "0": False, "false": False, "real": False}


def is_table(path: Path) -> bool:
    """Has it one of the suffixes and the needed columns, and is it no manifest of ours?"""
    return may_be_table(path) and not missing_columns(path)


def may_be_table(path: Path) -> bool:
    """Has it one of the suffixes, and is it no table of transcripts?"""
    if path.suffix.lower() not in SUFFIXES or path.name.lower() == TABLE:
        return False
    # Path.is_file raises where a link leads to what may not be seen.
    return os.path.isfile(path)  # noqa: PTH113


def missing_columns(path: Path) -> list[str]:
    """The needed columns that it does not have: all of them when it cannot be read."""
    try:
        present = _columns(path)
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException):
        present = []
    return [name for name in NEEDED if name not in present]


def scan(path: Path, key: str, domain_id: int) -> Scanned:
    """`UsageError` for a line that contradicts itself: a table is somebody's own work and can be put right."""
    rows: dict[str, MediaRow] = {}
    with _readable(path):
        unknown = [name for name in _columns(path) if name not in (*NEEDED, *OPTIONAL)]
        for number, line in _lines(path):
            try:
                row = _row(line, key, domain_id, path.parent)
                if row.path in rows:
                    raise ValueError(f"{row.path} is listed twice")
            except ValueError as error:
                raise UsageError(f"{path}, line {number}: {error}", "put the line right and scan again") from error
            rows[row.path] = row
    ignored = [Ignored(key, path.name, f"column that is not read: {name or '(no name)'}") for name in unknown]
    return Scanned(rows=[rows[name] for name in sorted(rows)], ignored=ignored)


def _row(line: Mapping[str, Any], key: str, domain_id: int, root: Path) -> MediaRow:
    name = _relative(str(line["path"] or "").strip(), root)
    kind = KINDS.get(PurePosixPath(name).suffix.lower())
    if kind is None:
        raise ValueError(f"path {name!r} has none of the suffixes {' '.join(KINDS)}")
    label = _flag(line["label"], "label")
    if label is None:
        raise ValueError("no label")
    known = _told(line, key, facts(kind, int(label)))
    return make_row(key, domain_id, File(name, kind, (), "", ""), known, Sidecars(root))


def _relative(name: str, root: Path) -> str:
    """`name` relative to the table's folder, with "/"; an absolute one that lies in it becomes relative."""
    path = PurePosixPath(name.replace("\\", "/"))
    if "\0" in name:
        raise ValueError(f"path {name!r} holds a zero byte, which no file name can")
    if PureWindowsPath(name).drive:
        raise ValueError(f"path {name!r} names a drive; write it relative to the table's folder")
    if path.is_absolute():
        for base in (root.absolute(), root.resolve()):
            if path.is_relative_to(base):
                return path.relative_to(base).as_posix()
        raise ValueError(f"path {name!r} is not in the table's folder; move the table above its media")
    return path.as_posix()


def _told(line: Mapping[str, Any], key: str, plain: Facts) -> Facts:
    """`plain`, which kind and label give, with what the optional columns say."""
    video_fake, audio_fake = _flag(line.get("video_fake"), "video_fake"), _flag(line.get("audio_fake"), "audio_fake")
    split = _one_of(line, "split", SPLIT_NAMES)
    levels: dict[str, Compression] = {level: level for level in COMPRESSIONS}
    level = _one_of(line, "compression", levels)
    return replace(
        plain,
        method=str(line.get("method") or "").strip().lower() or "unknown",
        video_fake=plain.video_fake if video_fake is None else video_fake,
        audio_fake=plain.audio_fake if audio_fake is None else audio_fake,
        people=_keys(line.get("people"), key),
        sources=_keys(line.get("source"), key),
        official_split=SPLIT_NAMES[split] if split else None,
        compression=levels[level] if level else None,
        text=str(line.get("text") or "").strip() or None,
    )


def _one_of(line: Mapping[str, Any], column: str, known: Iterable[str]) -> str:
    value = str(line.get(column) or "").strip().lower()
    if value and value not in known:
        raise ValueError(f"{column} {value!r} is none of {', '.join(known)}")
    return value


def _keys(value: Any, key: str) -> tuple[str, ...]:
    names = value.split(";") if isinstance(value, str) else [str(name) for name in value or ()]
    stripped = (name.strip() for name in names)
    return tuple(dict.fromkeys(name if ":" in name else f"{key}:{name}" for name in stripped if name))


def _flag(value: Any, column: str) -> bool | None:
    text = str(value if value is not None else "").strip().lower()
    if text in ("", "nan", "none"):
        return None
    if text.removesuffix(".0") not in FLAGS:
        raise ValueError(f"{column} {value!r} is none of 0, 1, real, fake, true, false")
    return FLAGS[text.removesuffix(".0")]


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What can be wrong behind a good first line, as an error with a remedy."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})", "save it as UTF-8") from error
    except (OSError, csv.Error, pa.ArrowException) as error:
        raise UsageError(f"{path}: cannot be read ({error})", "write the table again") from error


def _columns(path: Path) -> list[str]:
    if path.suffix.lower() == ".parquet":
        schema = pq.read_schema(path)
        # A manifest has the columns too, but its paths are other datasets': it lies here when this is the work folder.
        return [] if MANIFEST.encode() in (schema.metadata or {}) else _plain(schema.names)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return _plain(next(csv.reader(file), []))


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(Line number, column -> value); Parquet's lines are counted as if they stood in a CSV table."""
    if path.suffix.lower() == ".parquet":
        number = 1
        for batch in pq.ParquetFile(path).iter_batches(batch_size=10_000):
            for line in batch.rename_columns(_plain(batch.schema.names)).to_pylist():
                number += 1
                yield number, line
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file)
        names = _plain(next(lines, []))
        for values in lines:
            if any(values):
                yield lines.line_num, dict.fromkeys(names) | dict(zip(names, values, strict=False))


def _plain(names: Iterable[str]) -> list[str]:
    return [name.strip().lower() for name in names]
