"""What `Work.suite` returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.tables import Row, Table

if TYPE_CHECKING:
    from unmask.evaluation.suites.results import SuiteResult


@dataclass(repr=False)
class SuiteTable(Table):
    """One row per preset and split: mean and standard deviation over seeds. Then the mean of each preset."""

    details: SuiteResult
    folder: Path
    """Of table.csv, table.md, table.tex, suite.html and suite.json."""

    title = "suite"

    def as_rows(self) -> list[Row]:
        from unmask.evaluation.suites.results import MEAN, average_cells, list_figures, spread_cell

        result, rows = self.details, []
        for preset in result.presets:
            for split in (*(one.name for one in result.splits), MEAN):
                row: Row = {"preset": preset, "split": split}
                for figure in list_figures(result):
                    mean = split == MEAN
                    found = (
                        average_cells(result, preset, figure) if mean else spread_cell(result, preset, split, figure)
                    )
                    row[figure.heading] = found and found.mean
                    row[f"{figure.heading} deviation"] = found and found.deviation
                rows.append(row)
        return rows

    def notes(self) -> Sequence[str]:
        from unmask.evaluation.suites.suite_table import write_notes

        return write_notes(self.details)

    def as_text(self) -> str:
        from unmask.core.terminal.wide_table import format_plain
        from unmask.evaluation.suites.suite_table import render_suite

        return format_plain(render_suite(self.details))
