"""What `Work.compare` returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.tables import Row, Table

if TYPE_CHECKING:
    from unmask.core.work_folder import WorkFolder
    from unmask.evaluation.compare.results import RunComparison
    from unmask.run import Run


@dataclass(repr=False)
class ComparisonTable(Table):
    """Runs minus a base: one row per run, dataset (or mean) and metric."""

    details: RunComparison

    def as_rows(self) -> list[Row]:
        return [
            {
                "run": run.name,
                "dataset": row.name,
                "metric": one.metric,
                "base value": one.base,
                "run value": one.run,
                "difference": one.difference,
                "low": one.interval and one.interval[0],
                "high": one.interval and one.interval[1],
                "p": one.corrected,
            }
            for run in self.details.runs
            for row in run.rows
            for one in row.metrics
        ]

    def notes(self) -> list[str]:
        return [*(run.meaning for run in self.details.runs), *self.details.notes]

    def as_text(self) -> str:
        from unmask.core.terminal.wide_table import format_plain
        from unmask.evaluation.compare.table import render_comparison

        return format_plain(render_comparison(self.details))

    def write(self, folder: str | Path) -> None:
        """The table as Markdown, CSV, LaTeX and JSON."""
        from unmask.evaluation.compare.files import write_comparison

        write_comparison(Path(folder), self.details)


def compare_named(
    work: WorkFolder,
    runs: Sequence[Run | str | Path],
    base: Run | str | Path | None,
    common: bool,
    seed: int,
) -> ComparisonTable:
    """Runs by their names in `work` or their folders; `base` need not be among `runs`."""
    from unmask.evaluation.compare.compare import compare_runs
    from unmask.run import find_run

    folders = [find_run(work, run, None).folder for run in runs]
    if base is not None:
        first = find_run(work, base, None).folder
        folders = [first, *(run for run in folders if run.resolve() != first.resolve())]
    return ComparisonTable(compare_runs(folders, common=common, seed=seed))
