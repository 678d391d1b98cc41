"""What a probe shows and writes: a table, and files with the same numbers.

<out>/
    probe.html      a heat map per modality, with intervals
    probe.csv       one row per candidate, scope and dataset
    probe.json      everything
    encoders.yaml   the recommended encoders, for `unmask extract --settings`
"""

from __future__ import annotations

from dataclasses import astuple, fields
from pathlib import Path

import yaml
from rich.console import Group
from rich.text import Text

from unmask.core.atomic_files import write_json, write_text
from unmask.core.files.csv_tables import format_rows
from unmask.core.html.pages import make_environment
from unmask.core.html.tables import prepare_tables
from unmask.core.terminal.wide_table import Column, WideTable
from unmask.evaluation.probe.measure import Scope
from unmask.evaluation.probe.probe import MEAN, Cell, ModalityProbe, Probe

YAML = "encoders.yaml"
SCOPES: dict[Scope, str] = {"within": "Within each dataset", "across": "Across datasets: trained on all others"}
HEADER = "# Written by `unmask probe`. Use it with: unmask extract --settings {path}\n"


def write_probe(folder: Path, found: Probe) -> None:
    """Write all files into `folder`; those of an earlier probe are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "probe.html", format_html(found))
    write_text(folder / "probe.csv", format_csv(found))
    write_json(folder / "probe.json", found.as_json())
    write_text(folder / YAML, HEADER.format(path=folder / YAML) + format_yaml(found))


def format_yaml(found: Probe) -> str:
    lines = (yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, width=10_000) for entry in found.encoders)
    return "encoders:\n" + "".join(f"  - {line}" for line in lines)


def format_csv(found: Probe) -> str:
    """Comma-separated numbers, not rounded."""
    headings = [field.name for field in fields(Cell)]
    return format_rows([headings, *(astuple(cell) for part in found.modalities for cell in part.cells)])


def format_html(found: Probe) -> str:
    """One self-contained page."""
    template = make_environment("unmask.evaluation.probe").get_template("page.html")
    parts = [(part, *arrange(part)) for part in found.modalities]
    page = template.render(found=found, parts=parts, explain=explain, scopes=SCOPES)
    return prepare_tables(page, {}) + "\n"


def render_probe(found: Probe) -> Group:
    """The same for the terminal."""
    parts: list[WideTable | Text] = []
    for part in found.modalities:
        columns, rows = arrange(part)
        cells = [[format_cell(row.get(column)) for row in rows.values()] for column in columns]
        table = WideTable(
            names=Column(heading=part.modality, cells=list(rows)),
            columns=[
                Column(heading=_head(column), cells=of_column) for column, of_column in zip(columns, cells, strict=True)
            ],
            title=f"AUC of linear probes on {part.items} training files with {part.modality} [95 % interval]",
        )
        parts += [table, Text(explain(part)), Text()]
    return Group(*parts)


def arrange(part: ModalityProbe) -> tuple[list[tuple[str, str]], dict[str, dict[tuple[str, str], Cell]]]:
    """(scope, dataset) of the columns, and candidate -> its cells by column."""
    columns = list(dict.fromkeys((cell.scope, cell.dataset) for cell in part.cells))
    rows: dict[str, dict[tuple[str, str], Cell]] = {}
    for cell in part.cells:
        rows.setdefault(cell.candidate, {})[cell.scope, cell.dataset] = cell
    return list(columns), rows


def explain(part: ModalityProbe) -> str:
    """How the recommended candidates were chosen."""
    sums = "; ".join(f"+ {step.added}: {step.auc:.3f}" for step in part.steps)
    best = max(part.steps, key=lambda step: step.auc)
    return (
        f"recommended: {' and '.join(part.chosen)}. Sets in the order of the greedy choice, mean AUC: {sums}."
        f" The smallest set within one standard error of the best ({best.auc:.3f}) is taken."
    )


def format_cell(cell: Cell | None) -> str:
    if cell is None:
        return ""
    span = "" if cell.low is None or cell.high is None else f" [{cell.low:.2f}, {cell.high:.2f}]"
    return f"{cell.auc:.3f}{span}"


def _head(column: tuple[str, str]) -> str:
    scope, dataset = column
    if dataset == MEAN:
        return f"{scope} datasets"
    return dataset if scope == "within" else f"others -> {dataset}"
