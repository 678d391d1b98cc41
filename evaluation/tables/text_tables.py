"""A table of texts as Markdown, LaTeX and CSV."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unmask.core.files.csv_tables import format_rows

LATEX = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}", "±": r"$\pm$"}
LATEX |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$"}


@dataclass(frozen=True, kw_only=True)
class RowGroup:
    """Rows between two rules."""

    rows: Sequence[Sequence[str]]
    """Each has as many cells as the table has headings."""
    title: str = ""
    """Above the rows; "" for none."""


@dataclass(frozen=True, kw_only=True)
class TextTable:
    headings: Sequence[str]
    """The first names the rows and is left-aligned, the others are right-aligned."""
    groups: Sequence[RowGroup]
    notes: Sequence[str] = ()


def group_rows(*blocks: Sequence[Sequence[str]]) -> list[RowGroup]:
    """Groups without a title."""
    return [RowGroup(rows=rows) for rows in blocks]


def format_markdown(table: TextTable) -> str:
    """A table with pipes, then the notes as a list. Titles of groups are bold rows."""
    width = len(table.headings)
    lines: list[Sequence[str]] = [table.headings, ["---", *["---:"] * (width - 1)]]
    for group in table.groups:
        lines += [[f"**{group.title}**", *[""] * (width - 1)]] if group.title else []
        lines += group.rows
    written = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]
    notes = ["", *(f"- {note}" for note in table.notes)] if table.notes else []
    return "\n".join([*written, *notes]) + "\n"


def format_latex(table: TextTable) -> str:
    """A tabular with the rules of booktabs, one rule before each group; the notes are comments."""
    width = len(table.headings)
    lines = [*(f"% {note}" for note in table.notes), r"\begin{tabular}{l" + "r" * (width - 1) + "}"]
    lines += [r"\toprule", _write_latex_row(table.headings)]
    for group in filter(lambda group: group.rows, table.groups):
        lines.append(r"\midrule")
        if group.title:
            lines.append(rf"\multicolumn{{{width}}}{{l}}{{\textit{{{escape_latex(group.title)}}}}} \\")
        lines += map(_write_latex_row, group.rows)
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def format_csv(lines: Iterable[Iterable[object]]) -> str:
    """Comma-separated values, not rounded; the first line is the headings, None an empty cell."""
    return format_rows(lines)


def escape_latex(text: str) -> str:
    return re.sub("|".join(map(re.escape, LATEX)), lambda found: LATEX[found[0]], text)


def _write_latex_row(cells: Sequence[str]) -> str:
    first, *others = map(escape_latex, cells)
    # After a line's end or a rule, "[" would begin a length and "*" forbid a page break.
    guarded = f"{{{first[0]}}}{first[1:]}" if first[:1] in ("[", "*") else first
    return " & ".join([guarded, *others]) + r" \\"
