"""A table of texts as Markdown, LaTeX and CSV: what ablations and evaluations write beside their JSON."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Cells = Sequence[str]

LATEX = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}", "±": r"$\pm$"}
LATEX |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    headings: Cells
    """The first column holds names, the others numbers."""
    blocks: Sequence[Sequence[Cells]]
    """Rows; LaTeX has a rule between two blocks."""
    notes: Cells = ()
    """Sentences below the table."""

    @property
    def rows(self) -> list[Cells]:
        return [row for block in self.blocks for row in block]


def format_markdown(table: TextTable) -> str:
    """A table with pipes, then the notes as a list."""
    lines = [table.headings, ["---", *("---:" for _ in table.headings[1:])], *table.rows]
    text = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]
    notes = ["", *(f"- {note}" for note in table.notes)] if table.notes else []
    return "\n".join([*text, *notes]) + "\n"


def format_latex(table: TextTable) -> str:
    """A tabular with the rules of booktabs; the notes are comments."""
    parts = [r"\toprule", _join_latex(table.headings)]
    for block in table.blocks:
        parts += [r"\midrule", *map(_join_latex, block)] if block else []
    notes = [f"% {note}" for note in table.notes]
    begin = r"\begin{tabular}{l" + "r" * (len(table.headings) - 1) + "}"
    return "\n".join([*notes, begin, *parts, r"\bottomrule", r"\end{tabular}"]) + "\n"


def format_csv(lines: Iterable[Iterable[object]]) -> str:
    """Comma-separated values, not rounded; the first line is the headings, None an empty cell."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(list(line) for line in lines)
    return file.getvalue()


def escape_latex(text: str) -> str:
    return re.sub("|".join(map(re.escape, LATEX)), lambda found: LATEX[found[0]], text)


def _join_latex(cells: Cells) -> str:
    first, *others = map(escape_latex, cells)
    # After a line's end or a rule, "[" would begin a length and "*" forbid a page break.
    guarded = f"{{{first[0]}}}{first[1:]}" if first[:1] in ("[", "*") else first
    return " & ".join([guarded, *others]) + r" \\"
