"""The files of an ablation: its numbers as JSON and CSV, its table as Markdown, LaTeX and HTML.

<work>/ablations/<presets>-<8 hex of settings, seeds, split and data>/
    ablation.json   everything
    table.csv       one row per preset: mean, standard deviation and number of seeds of every figure
    table.md        the table as the terminal shows it, with its notes
    table.tex       a tabular for booktabs
    table.html      a page of its own
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from unmask.core.atomic_files import write_text
from unmask.core.files import sealed_files
from unmask.core.html.pages import make_environment
from unmask.core.html.tables import prepare_tables
from unmask.evaluation.ablation.ablation_table import COMPARED, Ablation, AblationRow, list_cells, write_notes
from unmask.evaluation.tables import text_tables
from unmask.evaluation.tables.spread import Spread
from unmask.evaluation.tables.text_tables import TextTable, group_rows

DIFFERENCE = ("minus base", "minus base low", "minus base high", "minus base deviation", "p", "p holm")
"""Columns of the CSV per entry of COMPARED."""


def write_ablation(folder: Path, ablation: Ablation) -> None:
    """Write every file of the ablation into `folder`; those of the same ablation made earlier are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, form in FORMS.items():
        write_text(folder / name, form(ablation))
    sealed_files.write_json(folder / "ablation.json", ablation.as_json())


def format_csv(ablation: Ablation) -> str:
    """Comma-separated numbers, not rounded. Controls have no deviation and no runs."""
    figures = list(next((row.figures for row in ablation.rows if row.figures), {}))
    datasets = list(dict.fromkeys(name for row in ablation.rows for name in row.datasets))
    columns = [*figures, *(f"{name} AUC" for name in datasets), "validation AUC"]
    spreads = [f"{column} {part}" for column in columns for part in ("mean", "deviation", "seeds")]
    compared = [f"{title} {part}" for title in COMPARED for part in DIFFERENCE] if ablation.base else []
    lines: list[list[object]] = [["preset", "items", *spreads, "training seconds", "runs", "problem", *compared]]
    for row in ablation.rows:
        found = [
            *(row.figures.get(name) for name in figures),
            *(row.datasets.get(name) for name in datasets),
            row.validation,
        ]
        numbers = [cell for spread in found for cell in _list_numbers(spread)]
        beside = _list_differences(row) if ablation.base else []
        lines.append([row.preset, row.items, *numbers, row.train_seconds, " ".join(row.runs), row.problem, *beside])
    return text_tables.format_csv(lines)


def format_markdown(ablation: Ablation) -> str:
    """A table with pipes, then the notes as a list."""
    return text_tables.format_markdown(make_table(ablation))


def format_latex(ablation: Ablation) -> str:
    """A tabular with the rules of booktabs; the notes are comments."""
    return text_tables.format_latex(make_table(ablation))


def make_table(ablation: Ablation) -> TextTable:
    """The presets, then the controls."""
    headings, rows = list_cells(ablation)
    trained = len(ablation.rows)
    groups = group_rows(rows[:trained], rows[trained:])
    return TextTable(headings=headings, groups=groups, notes=write_notes(ablation))


def format_html(ablation: Ablation) -> str:
    """One self-contained page."""
    headings, rows = list_cells(ablation)
    template = make_environment("unmask.evaluation.ablation").get_template("page.html")
    page = template.render(ablation=ablation, headings=headings, rows=rows, notes=write_notes(ablation))
    return prepare_tables(page, {}) + "\n"


FORMS: dict[str, Callable[[Ablation], str]] = {
    "table.csv": format_csv,
    "table.md": format_markdown,
    "table.tex": format_latex,
    "table.html": format_html,
}


def name_ablation(rows: list[str], key: str) -> str:
    """Name of an ablation's folder: "full+full-cdan-1a2b3c4d", or "15-rows-1a2b3c4d"."""
    return f"{'+'.join(rows) if len(rows) <= 3 else f'{len(rows)}-rows'}-{key[:8]}"


def _list_differences(row: AblationRow) -> list[float | None]:
    numbers: list[float | None] = []
    for title in COMPARED:
        one = row.differences.get(title)
        figures = (one.difference, *(one.interval or (None, None)), one.deviation, one.p, one.corrected) if one else ()
        numbers += figures or [None] * len(DIFFERENCE)
    return numbers


def _list_numbers(spread: Spread | None) -> tuple[float | None, float | None, int]:
    return (None, None, 0) if spread is None else (spread.mean, spread.deviation, spread.seeds)
