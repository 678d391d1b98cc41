"""Verdicts on files: made one by one, shown as they are ready, collected in a table, written as CSV."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.core.atomic_files import create_file
from unmask.core.files.csv_tables import guard_cell
from unmask.logs import only_progress
from unmask.result_tables.verdict_rows import flatten_verdict
from unmask.tables import VerdictTable

if TYPE_CHECKING:
    import torch

    from unmask.evaluation.verdicts.options import PredictOptions
    from unmask.evaluation.verdicts.verdict import Verdict


def judge_files(
    run: Path,
    files: Iterable[str | Path] | str | Path,
    *,
    device: torch.device,
    options: PredictOptions,
    show: Callable[[Verdict], None] | None = None,
) -> VerdictTable:
    """Verdicts on files, folders and patterns; each is also given to `show` as soon as it is ready."""
    from unmask.evaluation.input_files import find_files
    from unmask.evaluation.verdicts.predict import iterate_verdicts

    names = [files] if isinstance(files, str | Path) else list(files)
    found, verdicts = find_files(map(str, names)), []
    with only_progress():  # the stages' other log lines name a temporary folder
        for verdict in iterate_verdicts(found.files, run, device=device, options=options):
            if show is not None:
                show(verdict)
            verdicts.append(verdict)
    return VerdictTable(verdicts, skipped=found.skipped)


def write_csv(path: Path, verdicts: Sequence[Verdict]) -> None:
    """One row per file with the columns of the table; no cell is a formula to a spreadsheet."""
    with create_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        lines: csv.DictWriter[str] | None = None
        for row in map(flatten_verdict, verdicts):
            if lines is None:
                lines = csv.DictWriter(file, list(row))
                lines.writeheader()
            lines.writerow({name: guard_cell(value) for name, value in row.items()})
