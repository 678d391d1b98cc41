"""Tables of transcripts: `transcripts.csv`, `.tsv` or `.parquet` with the columns path, text.

Paths are relative to the table's folder, or absolute within it. The lines are read as those of a table of labels.
"""

from __future__ import annotations

import csv
import posixpath
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from unmask.core.crashes import read_message
from unmask.manifests.datasets.tables.lines import EXTRA, SUFFIXES, clean, find_encoding, read_columns, read_lines
from unmask.manifests.findings import Trouble, as_trouble

NAMES = tuple(f"transcripts{suffix}" for suffix in SUFFIXES)
COLUMNS = ("path", "text")


@dataclass(frozen=True, slots=True)
class Transcripts:
    """One table."""

    texts: dict[str, str] = field(default_factory=dict)
    """Path relative to the table's folder, composed -> text."""
    troubles: list[Trouble] = field(default_factory=list)


def is_transcripts(name: str) -> bool:
    """Is `name` that of a table of transcripts?"""
    return name.lower() in NAMES


def read_transcripts(path: Path) -> Transcripts:
    """Read the table. A table or line that cannot be used is a trouble, whatever its reader raises."""
    found = Transcripts()
    try:
        missing = [name for name in COLUMNS if name not in (columns := read_columns(path, COLUMNS))]
        if not missing:
            _add_lines(path, found)
        elif columns:
            problem = f"no column {', '.join(missing)} among {', '.join(columns)}, so its texts are not used"
            found.troubles.append(Trouble(problem, "Name its columns path and text"))
    except (UnicodeError, csv.Error, pa.ArrowException) as error:
        form = "" if (name := find_encoding(path)).startswith("utf-8") else f" as {name.upper()}"
        problem = f"cannot be read{form} ({read_message(error)}), so its texts are not used"
        return Transcripts(troubles=[Trouble(problem, "Close every quote and save it as CSV in UTF-8")])
    except Exception as error:
        return Transcripts(troubles=[as_trouble(error, path, "its texts are not used")])
    return found


def compose(path: str) -> str:
    """`path` in the Unicode form NFC: macOS writes accents as letters of their own, other systems do not."""
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def _add_lines(path: Path, found: Transcripts) -> None:
    twice, longer = [], []
    for number, line in read_lines(path, COLUMNS):
        if line.get(EXTRA):
            longer.append(number)
            continue
        name, words = _make_relative(path, line), " ".join(str(line["text"]).split()) if clean(line["text"]) else ""
        if name and words:
            if found.texts.get(name, words) != words:
                twice.append(name)
            found.texts[name] = words
    if longer:
        problem = f"{len(longer)} lines have more values than columns, such as line {longer[0]}: they are not used"
        found.troubles.append(Trouble(problem, "Put a text with the separator in quotes"))
    if twice:
        problem = f"{len(twice)} files are listed twice with different texts, such as {twice[0]}: the last one is used"
        found.troubles.append(Trouble(problem, "Remove the wrong lines"))


def _make_relative(path: Path, line: Mapping[str, Any]) -> str:
    """The listed path relative to the table's folder, composed; as written when it is outside; "" for none."""
    if not clean(line["path"]):
        return ""
    name = PurePosixPath(posixpath.normpath(str(line["path"]).strip().replace("\\", "/")))
    for folder in (path.parent.absolute(), path.parent.resolve()):
        if name.is_relative_to(folder.as_posix()):
            return compose(name.relative_to(folder.as_posix()).as_posix())
    return compose(name.as_posix())
