"""Tables that we write as CSV: no cell is a formula to a spreadsheet (CWE-1236)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet calculates a cell that begins so: the name of a file may be a formula."""
MARK = "'"
"""Makes it a text to a spreadsheet."""
END = "\r\n"


def format_rows(rows: Iterable[Iterable[object]]) -> str:
    """Comma-separated values, not rounded; None is an empty cell."""
    return "".join(f"{_format_row(row)}\n" for row in rows)


def guard_cell(value: object) -> object:
    """`value`, and a text that would be a formula behind MARK. Numbers stay numbers."""
    return f"{MARK}{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _format_row(row: Iterable[object]) -> str:
    # csv quotes only the characters of its line end, and a bare carriage return ends a line for every reader.
    file = io.StringIO()
    csv.writer(file, lineterminator=END).writerow(map(guard_cell, row))
    return file.getvalue().removesuffix(END)


def unguard_cell(text: str) -> str:
    """The text before `guard_cell`."""
    return text.removeprefix(MARK) if text[1:2] in FORMULA and text[1:] else text
