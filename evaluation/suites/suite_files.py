"""The files of a suite.

<work>/suites/<suite>-<8 hex of splits, settings, seeds and files>/
    table.csv      one row per cell: every metric of every dataset, not rounded
    table.md       the table as the terminal shows it, with its notes
    table.tex      a tabular for booktabs
    suite.html     a heat map of AUC per preset, and the table
    suite.json     everything, written last
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from markupsafe import Markup

from unmask.core.atomic_files import write_text
from unmask.core.files import sealed_files
from unmask.core.files.csv_tables import format_rows
from unmask.core.html.heat_maps import draw_heat_map
from unmask.core.html.pages import make_environment
from unmask.core.html.tables import prepare_tables
from unmask.evaluation.suites.cell import CellResult
from unmask.evaluation.suites.results import MEAN, SuiteResult, average_cells, list_figures, spread_cell
from unmask.evaluation.suites.suite_table import make_table
from unmask.evaluation.tables import text_tables
from unmask.metrics import binary

COLUMNS = (
    "preset", "split", "scheme", "seed", "reason", "n_real", "n_fake", "given", "train_items", "epochs", "train_seconds"
)  # fmt: skip
"""Of table.csv: fields of `CellResult`, before those of the row."""


def write_suite(folder: Path, result: SuiteResult) -> None:
    """Write every file of the suite into `folder`; those of the same suite made earlier are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, form in FORMS.items():
        write_text(folder / name, form(result))
    sealed_files.write_json(folder / "suite.json", result.as_json())


def format_csv(result: SuiteResult) -> str:
    """One row per cell and dataset or summary; of a cell without figures one row with the reason."""
    frames = ("frame_auc", "video_auc_of_frames") if any(split.frames for split in result.splits) else ()
    metrics = (metric.name for metric in binary.METRICS)
    lines: list[list[object]] = [[*COLUMNS, "row", *metrics, "auc_low", "auc_high", *frames]]
    for cell in result.cells:
        about = [getattr(cell, column) for column in COLUMNS]
        # Sorted: a cell that was read from its file has its rows in another order than one just made.
        for row, figures in sorted(cell.figures.items()) or [("", {})]:
            values = [figures.get(metric.name) for metric in binary.METRICS]
            lines.append([*about, row, *values, *_list_macro(cell, row, bool(frames))])
    return format_rows(lines)


def format_markdown(result: SuiteResult) -> str:
    return text_tables.format_markdown(make_table(result))


def format_latex(result: SuiteResult) -> str:
    return text_tables.format_latex(make_table(result))


def format_html(result: SuiteResult) -> str:
    """One self-contained page."""
    table = make_table(result)
    template = make_environment("unmask.evaluation.suites").get_template("page.html")
    page = template.render(result=result, table=table, maps=list(draw_heat_maps(result)))
    return prepare_tables(page, {}) + "\n"


def draw_heat_maps(result: SuiteResult) -> Iterator[tuple[str, Markup]]:
    """(title, SVG) of the macro AUC: a grid per preset, or one map of splits by presets."""
    auc = list_figures(result)[0]
    if not result.grid:
        values = {
            (split.name, preset): spread.mean if (spread := spread_cell(result, preset, split.name, auc)) else None
            for split in result.splits
            for preset in result.presets
        }
        means = {preset: average_cells(result, preset, auc) for preset in result.presets}
        values |= {(MEAN, preset): mean.mean if mean else None for preset, mean in means.items()}
        rows = [*(split.name for split in result.splits), MEAN]
        yield auc.heading, draw_heat_map(auc.heading, rows, result.presets, values)
        return
    for preset in result.presets:
        values = {
            (split.train, split.test): spread.mean if (spread := spread_cell(result, preset, split.name, auc)) else None
            for split in result.splits
        }
        trained, tested = ([*dict.fromkeys(names)] for names in zip(*values, strict=True))
        title = f"{auc.heading} of {preset}: trained on (rows), tested on (columns)"
        yield title, draw_heat_map(title, trained, tested, values)


def _list_macro(cell: CellResult, row: str, frames: bool) -> list[float | None]:
    """The interval, and the figures of faces, which stand in the row "macro" only."""
    low, high = cell.interval or (None, None)
    found = [cell.frames.auc, cell.frames.video_auc] if cell.frames else [None, None]
    values = [low, high, *(found if frames else [])]
    return values if row == "macro" else [None] * len(values)


FORMS: dict[str, Callable[[SuiteResult], str]] = {
    "table.csv": format_csv,
    "table.md": format_markdown,
    "table.tex": format_latex,
    "suite.html": format_html,
}
