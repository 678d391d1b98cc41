"""Files with one score per media file: a CSV with a header, or lines "id score" as ASVspoof has them.

N scores
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from unmask.core.errors import MissingInput, UsageError, raise_read_failure

Side = Literal["fake", "real"]

ID_COLUMNS = ("media_id", "path", "id", "file", "filename", "name")
SCORE_COLUMNS = ("score", "cm-score", "cm_score", "probability")
COLUMNS = 'a header with the column "score" and one of ' + ", ".join(f'"{name}"' for name in ID_COLUMNS)
LINES = 'one "id score" per line, separated by a tab or by spaces'
BLOCK = 100_000
"""Lines that are Python objects at a time."""
LONGEST_HEADER = 1 << 20
"""Characters of the first line."""
LONGEST_LINE = 1 << 16
"""Characters of a line "id score"."""


@dataclass(frozen=True)
class ScoreFile:
    """The scores as the file has them."""

    path: Path
    ids: pa.ChunkedArray
    """(N,) strings: "dataset/path" where the file has both columns."""
    score: NDArray[np.float64]
    """(N,) finite."""
    higher_is: Side
    """The class of high scores where nobody says otherwise: fake in a CSV, real (bona fide) in ASVspoof's lines."""

    def find_line(self, number: int) -> int:
        """Line of the file, from 1, with score `number`, from 0; 0 where lines cannot be counted."""
        read = _list_csv_lines if self.path.suffix.lower() == ".csv" else _list_lines
        with self.path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            try:
                return next(islice(read(file), number, None), 0)
            except csv.Error:
                return 0


def read_scores(path: Path) -> ScoreFile:
    """A .csv with COLUMNS, any other name with LINES.

    `MissingInput` without such a file. `UsageError`, with the line, for a score that is no finite number and for an id
    that is there twice.
    """
    if not path.is_file():
        raise MissingInput(f"{path}: no such file", "--scores FILE")
    is_table = path.suffix.lower() == ".csv"
    ids, texts = _read_table(path) if is_table else _read_lines(path)
    if not len(ids):
        raise UsageError(f"{path}: no scores", COLUMNS if is_table else LINES)
    found = ScoreFile(path, ids, _to_numbers(texts), "fake" if is_table else "real")
    bad = np.flatnonzero(~np.isfinite(found.score))
    if len(bad):
        text = texts[int(bad[0])].as_py()
        raise UsageError(
            f"{path}, line {found.find_line(int(bad[0]))}: the score {text!r} is not a finite number",
            "every line needs one, such as 0.25; leave out items without a score",
        )
    _refuse_twice(found)
    return found


def _read_table(path: Path) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Ids and scores, (N,) strings each. Read in blocks: only these columns of a large file are in memory."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        try:
            header = next(csv.reader([file.readline(LONGEST_HEADER)]), [])
        except csv.Error as error:
            raise UsageError(f"{path}, line 1: {error}", COLUMNS) from error
    named = {name.strip().lower(): name for name in header}
    score = next((named[name] for name in SCORE_COLUMNS if name in named), None)
    key = next((named[name] for name in ID_COLUMNS if name in named), None)
    if score is None or key is None:
        shown = ", ".join(header[:8]) or "nothing"
        raise UsageError(f"{path}, line 1: the columns are {shown}", COLUMNS)
    dataset = named.get("dataset") if key == named.get("path") else None
    columns = [*([dataset] if dataset else []), key, score]
    options = pa_csv.ConvertOptions(
        include_columns=columns, column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
    )
    try:
        with pa_csv.open_csv(path, convert_options=options) as reader:
            table = pa.Table.from_batches(list(reader), reader.schema)
    except (pa.ArrowException, OSError) as error:
        raise_read_failure(error)
        raise UsageError(f"{path}: {error}", COLUMNS) from error
    ids = table.column(key)
    return pc.binary_join_element_wise(table.column(dataset), ids, "/") if dataset else ids, table.column(score)


def _read_lines(path: Path) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """As `_read_table`; a first line whose second field is no number is a header."""
    ids: list[pa.Array] = []
    scores: list[pa.Array] = []
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        pairs = _split_lines(path, file)
        while block := list(islice(pairs, BLOCK)):
            ids.append(pa.array([key for key, _ in block], pa.string()))
            scores.append(pa.array([score for _, score in block], pa.string()))
    return pa.chunked_array(ids, pa.string()), pa.chunked_array(scores, pa.string())


def _split_lines(path: Path, file: IO[str]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), ""), 1):
        fields = _split(line)
        if not fields or (number == 1 and _is_header(fields)):
            continue
        if len(fields) != 2:
            raise UsageError(f"{path}, line {number}: {len(fields)} fields instead of 2", LINES)
        yield fields[0], fields[1]


def _split(line: str) -> list[str]:
    """Names with spaces are possible where a tab follows them."""
    return [field.strip() for field in line.strip().split("\t")] if "\t" in line.strip() else line.split()


def _is_header(fields: list[str]) -> bool:
    try:
        float(fields[-1])
    except ValueError:
        return fields[-1].lower() in SCORE_COLUMNS
    return False


def _to_numbers(texts: pa.ChunkedArray) -> NDArray[np.float64]:
    """NaN for a text that is no number."""
    try:
        return np.asarray(pc.cast(pc.utf8_trim_whitespace(texts), pa.float64()).to_numpy(), np.float64)
    except pa.ArrowInvalid:
        return np.array([_to_number(text) for text in texts.to_pylist()], np.float64)


def _to_number(text: str) -> float:
    try:
        return float("nan") if "_" in text else float(text)  # Python reads 1_0 as ten
    except ValueError:
        return float("nan")


def _refuse_twice(found: ScoreFile) -> None:
    if pc.count_distinct(found.ids).as_py() == len(found.ids):
        return
    first: dict[str, int] = {}
    for number, key in enumerate(found.ids.to_pylist()):
        if key in first:
            refuse_pair(found, first[key], number, f"{key!r} has two scores")
        first[key] = number


def refuse_pair(found: ScoreFile, first: int, second: int, problem: str) -> None:
    """Raise `UsageError` about two scores, by their numbers from 0."""
    lines = f"lines {found.find_line(first)} and {found.find_line(second)}"
    raise UsageError(f"{found.path}, {lines}: {problem}", "keep one score per media file")


def _list_csv_lines(file: IO[str]) -> Iterator[int]:
    """Line of each record after the header; empty lines hold none."""
    reader = csv.reader(file)
    next(reader, None)
    before = reader.line_num
    for fields in reader:
        if fields:
            yield before + 1
        before = reader.line_num


def _list_lines(file: IO[str]) -> Iterator[int]:
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), ""), 1):
        fields = _split(line)
        if fields and not (number == 1 and _is_header(fields)):
            yield number
