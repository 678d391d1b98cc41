"""What `Work.suite` returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.tables import Row, Table

if TYPE_CHECKING:
    from unmask.evaluation.suites.results import SuiteResult
    from unmask.evaluation.tables.spread import Spread


@dataclass(repr=False)
class SuiteTable(Table):
    """One row per preset and split: mean and standard deviation over seeds. Then the mean of each preset."""

    details: SuiteResult
    folder: Path
    """Of table.csv, table.md, table.tex, suite.html and suite.json."""

    title = "suite"

    def as_rows(self) -> list[Row]:
        from unmask.evaluation.suites.results import average_cells, list_figures, list_means, spread_cell

        result, figures = self.details, list_figures(self.details)
        rows = []
        for preset in result.presets:
            for split in result.splits:
                found = [spread_cell(result, preset, split.name, figure) for figure in figures]
                rows.append(self._make_row(preset, split.name, found))
            for name, splits in list_means(result, preset):
                found = [average_cells(result, preset, figure, splits) for figure in figures]
                rows.append(self._make_row(preset, name, found))
        return rows

    def _make_row(self, preset: str, split: str, found: Sequence[Spread | None]) -> Row:
        from unmask.evaluation.suites.results import list_figures

        row: Row = {"preset": preset, "split": split}
        for figure, spread in zip(list_figures(self.details), found, strict=True):
            row[figure.heading] = spread and spread.mean
            row[f"{figure.heading} deviation"] = spread and spread.deviation
        return row

    def notes(self) -> Sequence[str]:
        from unmask.evaluation.suites.suite_table import write_notes

        return write_notes(self.details)

    def as_text(self) -> str:
        from unmask.core.terminal.wide_table import format_plain
        from unmask.evaluation.suites.suite_table import render_suite

        return format_plain(render_suite(self.details))
