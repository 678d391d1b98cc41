"""A CSV or Parquet table as a dataset: `<name>.csv` directly in the data root, with the columns

    path, label                       needed; paths are relative to the table's folder, labels 0/1 or real/fake
    split, people, source, method,    optional; several people or sources are separated by ";"
    video_fake, audio_fake, text      (in Parquet they may be lists)

People and sources are this table's own, unless they name another dataset's as in "dfd:01".
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import UsageError
from manifests.item import MediaRow
from manifests.layouts.layout import KINDS, SPLIT_NAMES, Facts, File, Scanned, make_row
from manifests.layouts.own import facts
from manifests.sidecar import TABLE, Sidecars

SUFFIXES = (".csv", ".parquet")
NEEDED = {"path", "label"}
FLAGS = {"1": True, "true": True, "fake": True, "0": False, "false": False, "real": False}


def is_table(path: Path) -> bool:
    """Has it one of the suffixes and the needed columns?"""
    if path.suffix.lower() not in SUFFIXES or not path.is_file() or path.name.lower() == TABLE:
        return False
    try:
        return set(_columns(path)) >= NEEDED
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException):
        return False  # somebody's notes, not a table of media


def scan(path: Path, key: str, domain_id: int) -> Scanned:
    """`UsageError` for a line that contradicts itself: a table is somebody's own work and can be put right."""
    rows: dict[str, MediaRow] = {}
    for number, line in enumerate(_lines(path), 2):
        try:
            row = _row(line, key, domain_id, path.parent)
            if row.path in rows:
                raise ValueError(f"{row.path} is listed twice")
        except ValueError as error:
            raise UsageError(f"{path}, line {number}: {error}", "put the line right and scan again") from error
        rows[row.path] = row
    return Scanned(rows=[rows[name] for name in sorted(rows)])


def _row(line: dict[str, Any], key: str, domain_id: int, root: Path) -> MediaRow:
    name = PurePosixPath(str(line["path"] or "").replace("\\", "/")).as_posix()
    kind = KINDS.get(PurePosixPath(name).suffix.lower())
    if kind is None:
        raise ValueError(f"path {name!r} has none of the suffixes {' '.join(KINDS)}")
    label = _flag(line["label"], "label")
    if label is None:
        raise ValueError("no label")
    known = _told(line, key, facts(kind, int(label)))
    return make_row(key, domain_id, File(name, kind, (), "", ""), known, Sidecars(root))


def _told(line: dict[str, Any], key: str, plain: Facts) -> Facts:
    """`plain`, which kind and label give, with what the optional columns say."""
    split = str(line.get("split") or "").strip().lower()
    if split and split not in SPLIT_NAMES:
        raise ValueError(f"split {split!r} is none of train, val, test")
    video_fake, audio_fake = _flag(line.get("video_fake"), "video_fake"), _flag(line.get("audio_fake"), "audio_fake")
    return replace(
        plain,
        method=str(line.get("method") or "").strip().lower() or "unknown",
        video_fake=plain.video_fake if video_fake is None else video_fake,
        audio_fake=plain.audio_fake if audio_fake is None else audio_fake,
        people=_keys(line.get("people"), key),
        sources=_keys(line.get("source"), key),
        official_split=SPLIT_NAMES.get(split),
        text=str(line.get("text") or "").strip() or None,
    )


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


def _columns(path: Path) -> list[str]:
    if path.suffix.lower() == ".parquet":
        return list(pq.read_schema(path).names)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file), [])


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix.lower() == ".parquet":
        for batch in pq.ParquetFile(path).iter_batches(batch_size=10_000):
            yield from batch.to_pylist()
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)
