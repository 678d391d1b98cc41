"""Lines of a table: CSV, with "," ";" "|" or tabs between the values, in UTF-8 or UTF-16; TSV; or Parquet."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from unmask.core.errors import UsageError
from unmask.core.files.regular_files import open_regular
from unmask.manifests.manifest import FORMAT as MANIFEST

SUFFIXES = (".csv", ".tsv", ".parquet")
EXTRA = "\0extra"
"""Column of the values beyond the last named column: a value with an unquoted separator."""

DELIMITERS = (",", ";", "\t", "|")
# Columns that pandas adds for its index.
INDEX = re.compile(r"(__index_level_\d+__|unnamed: 0)?")
# Bytes that tell the encoding, and the share of zero bytes in UTF-16 text of mostly Latin letters.
HEAD = 4096
ZEROS = 0.6

LONGEST_LINE = 1 << 22
"""Characters."""
LARGEST_LIST = 1 << 26
"""Bytes of a list that is read whole; the longest that was published has three million."""
MOST_PROBLEMS = 1000
"""Lines of a list that are told as wrong; then it is another file than the one that was published."""
MOST_COLUMNS = 4096
MOST_ROWS_PER_BYTE = 16
"""Of Parquet: a thousand bytes can claim a billion rows of one value, but not of different paths."""

EMPTY = {"", "-", "--", "nan", "none", "null", "n/a", "na", "#n/a", "<na>", "nat"}
_WHOLE = re.compile(r"(-?\d+)[.,]0+")


class UnreadableTable(csv.Error):
    """What is no table, or has a size that no table has."""


def clean(value: Any) -> str:
    """A value as text: "" for nan, none, null, n/a, NA and "-"; whole numbers without decimals, so that 1.0 is 1."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    text = str(value).strip()
    if text.casefold() in EMPTY:
        return ""
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def read_columns(path: Path, needed: Iterable[str]) -> list[str]:
    """Names of the columns in lower case; none for a manifest. `needed` names choose the separator.

    `OSError`, `UnicodeError`, `csv.Error` or `pa.ArrowException` when it cannot be read.
    """
    if path.suffix.lower() == ".parquet":
        schema = pq.read_schema(path)
        _check_columns(schema.names)
        # A manifest has the columns too, but its paths belong to other datasets; it is here when this is a work folder.
        return [] if MANIFEST.encode() in (schema.metadata or {}) else _normalize_names(schema.names)
    with _open_text(path, errors="replace") as file:
        return _read_header(file, tuple(needed))[0]


def read_lines(path: Path, needed: Iterable[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(Line number, column -> value) per line; Parquet rows are counted from 2, like lines of a CSV with a header."""
    if path.suffix.lower() == ".parquet":
        for number, line in enumerate(_read_parquet(path), 2):
            yield number, {name: _decode(value) for name, value in line.items()}
        return
    with _open_text(path) as file:
        names, delimiter, before = _read_header(file, tuple(needed))
        # strict: a quote that is never closed would swallow the rest of the table.
        lines = csv.reader(_limit_lines(file), delimiter=delimiter, strict=True)
        for values in lines:
            if any(values):
                extra = [value for value in values[len(names) :] if value.strip()]
                yield (
                    before + lines.line_num,
                    dict.fromkeys(names) | dict(zip(names, values, strict=False)) | ({EXTRA: extra} if extra else {}),
                )


@contextmanager
def map_read_errors(path: Path) -> Iterator[None]:
    """Map errors of reading the lines to `UsageError`."""
    try:
        yield
    except UnicodeError as error:
        name = next((known for known in ("UTF-16", "UTF-32") if find_encoding(path).startswith(known.lower())), "UTF-8")
        where = f" at byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        reason = error.reason if isinstance(error, UnicodeDecodeError) else error
        raise UsageError(f"{path}: not {name} ({reason}{where})", "save it as UTF-8") from error
    except (OSError, csv.Error, pa.ArrowException) as error:
        hint = "close every quote, or write the table again"
        raise UsageError(f"{path}: cannot be read ({error})", hint) from error


def read_list_text(path: Path) -> str:
    """The text of a list that a dataset publishes; other bytes than its encoding's as U+FFFD."""
    encoding = find_encoding(path)
    with open_regular(path) as file:
        content = file.read(LARGEST_LIST + 1)
    if len(content) > LARGEST_LIST:
        raise UnreadableTable(f"more than {LARGEST_LIST} bytes")
    return content.decode(encoding, errors="replace").replace("\r\n", "\n").replace("\r", "\n")


def find_encoding(path: Path) -> str:
    """By the byte order mark; without one by the zero bytes, of which UTF-8 text has none."""
    with open_regular(path) as file:
        head = file.read(HEAD)
    if head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "utf-32"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    pairs = len(head) // 2
    if pairs and head[1::2].count(0) > ZEROS * pairs:
        return "utf-16-le"
    if pairs and head[::2].count(0) > ZEROS * pairs:
        return "utf-16-be"
    return "utf-8-sig"


def _read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    file = pq.ParquetFile(path)
    if file.metadata.num_rows > MOST_ROWS_PER_BYTE * path.stat().st_size:
        raise UnreadableTable(f"{file.metadata.num_rows} rows in {path.stat().st_size} bytes")
    _check_columns(file.schema_arrow.names)
    batches = file.iter_batches(batch_size=10_000)
    while True:
        try:
            batch = next(batches, None)
            lines = [] if batch is None else batch.rename_columns(_normalize_names(batch.schema.names)).to_pylist()
        except (ValueError, TypeError, LookupError, ArithmeticError, NotImplementedError) as error:
            raise UnreadableTable(str(error)) from error
        if batch is None:
            return
        yield from lines


def _limit_lines(file: IO[str]) -> Iterator[str]:
    """A file without line ends would be in memory whole."""
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise UnreadableTable(f"a line of more than {LONGEST_LINE} characters")
        yield line


def _check_columns(names: Sequence[str]) -> None:
    if len(names) > MOST_COLUMNS:
        raise UnreadableTable(f"{len(names)} columns")


def _decode(value: Any) -> Any:
    """Text that a Parquet file stores as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _open_text(path: Path, errors: str = "strict") -> IO[str]:
    return path.open(encoding=find_encoding(path), errors=errors, newline="")


def _read_header(file: IO[str], needed: tuple[str, ...]) -> tuple[list[str], str, int]:
    """Names of the columns, the separator, and the number of lines read."""
    number = 0
    for line in _limit_lines(file):
        number += 1
        # Excel writes the separator into a first line such as "sep=;". Lists of benchmarks begin with comments.
        if not line.strip() or re.fullmatch(r'"?sep=.?"?|#.*', line.strip(), re.IGNORECASE):
            continue
        splits = [(_split_header(line, delimiter), delimiter) for delimiter in DELIMITERS]
        # max keeps the first of equals.
        names, delimiter = max(splits, key=lambda split: (sum(name in split[0] for name in needed), len(split[0])))
        _check_columns(names)
        return names, delimiter, number
    return [], ",", number


def _split_header(line: str, delimiter: str) -> list[str]:
    return _normalize_names(next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter), []))


def _normalize_names(names: Iterable[str]) -> list[str]:
    return [name.strip().strip("\ufeff").lower() for name in names]
