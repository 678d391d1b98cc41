"""The files of a comparison, in a folder that the user names.

<out>/
    comparison.json   everything
    comparison.csv    one row per run, dataset and metric, numbers not rounded
    comparison.md     the tables as the terminal shows them, with the sentences
    comparison.tex    the table of the AUC, a tabular for booktabs
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from unmask.core.atomic_files import write_json, write_text
from unmask.core.files.csv_tables import format_rows
from unmask.evaluation.compare.results import RunComparison
from unmask.evaluation.compare.table import list_cells, list_headings, list_other_metrics
from unmask.evaluation.tables.text_tables import escape_latex
from unmask.metrics import binary

COUNTS = ("n_real", "n_fake", "groups")
FIGURES = ("base_value", "run_value", "difference", "low", "high", "p", "p_holm")
TESTS = ("delong_difference", "delong_low", "delong_high", "delong_p", "delong_p_holm")


def write_comparison(folder: Path, found: RunComparison) -> None:
    """Write every file into `folder`; those of an earlier comparison are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, form in FORMS.items():
        write_text(folder / name, form(found))
    write_json(folder / "comparison.json", found.as_json())


def format_csv(found: RunComparison) -> str:
    lines: list[list[object]] = [["base", "run", "dataset", *COUNTS, "metric", *FIGURES, *TESTS]]
    for run in found.runs:
        for row in run.rows:
            about = [found.base, run.name, row.name, *(getattr(row, name) for name in COUNTS)]
            for one in row.metrics:
                figures = [one.base, one.run, one.difference, *(one.interval or (None, None)), one.p, one.corrected]
                test = row.delong if one.metric == binary.METRICS[0].name else None
                beside = [test.difference, *test.interval, test.p, row.delong_corrected] if test else [None] * 5
                lines.append([*about, one.metric, *figures, *beside])
    return format_rows(lines)


def format_markdown(found: RunComparison) -> str:
    """Two tables with pipes, then the sentences and notes as a list."""
    tables = [
        _format_pipes(list_headings(), [line for run in found.runs for line in list_cells(run)]),
        _format_pipes(
            list_other_metrics(found.runs[0])[0], [line for run in found.runs for line in list_other_metrics(run)[1]]
        ),
    ]
    title = f"Differences from {found.base}, {found.split} split, {found.items} items\n"
    notes = "\n".join(f"- {line}" for line in (*(run.meaning for run in found.runs), *found.notes))
    return "\n".join([title, *tables, notes]) + "\n"


def format_latex(found: RunComparison) -> str:
    """A tabular with the rules of booktabs; sentences and notes are comments."""
    headings = list_headings()
    blocks = [[_join_latex(line) for line in list_cells(run)] for run in found.runs]
    body = [line for block in blocks for line in (r"\midrule", *block)]
    comments = [f"% {line}" for line in (*(run.meaning for run in found.runs), *found.notes)]
    begin = r"\begin{tabular}{ll" + "r" * (len(headings) - 2) + "}"
    return "\n".join(
        [*comments, begin, r"\toprule", _join_latex(headings), *body, r"\bottomrule", r"\end{tabular}", ""]
    )


FORMS: dict[str, Callable[[RunComparison], str]] = {
    "comparison.csv": format_csv,
    "comparison.md": format_markdown,
    "comparison.tex": format_latex,
}


def _format_pipes(headings: list[str], lines: list[list[str]]) -> str:
    ruled = [headings, ["---", "---", *("---:" for _ in headings[2:])], *lines]
    # A star at the end of a number would begin or end an emphasis.
    escaped = ([cell.replace("|", r"\|").replace("*", r"\*") for cell in line] for line in ruled)
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped) + "\n"


def _join_latex(cells: list[str]) -> str:
    """Names, then numbers: their minus sign is one, not a hyphen."""
    names, numbers = map(escape_latex, cells[:2]), map(escape_latex, cells[2:])
    return " & ".join([*names, *(re.sub(r"-(?=\d)", "$-$", cell) for cell in numbers)]) + r" \\"
