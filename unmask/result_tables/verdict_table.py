"""Verdicts on files: made one by one, shown as they are ready, collected in a table, written as CSV."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.core.atomic_files import create_file
from unmask.logs import only_progress
from unmask.tables import VerdictTable

if TYPE_CHECKING:
    import torch

    from unmask.evaluation.verdicts.options import PredictOptions
    from unmask.evaluation.verdicts.verdict import Verdict

COLUMNS = (
    *("path", "words", "verdict", "score", "threshold", "video_score", "audio_score", "clips", "faces_found", "llr"),
    *("reliable", "reason", "run", "sha256", "judged_at", "content_credentials"),
)
# A spreadsheet would calculate a cell that begins so: a file's name may be a formula (CWE-1236).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


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
    """One row per file with COLUMNS; no cell is a formula to a spreadsheet."""
    with create_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(COLUMNS)
        lines.writerows(map(_list_cells, verdicts))


def _list_cells(verdict: Verdict) -> list[object]:
    custody, scope = verdict.custody, verdict.scope
    about = {
        "clips": len(verdict.clips),
        "llr": verdict.evidence and verdict.evidence.llr,
        "reliable": scope.reliable if scope else None,
        "sha256": custody and custody.sha256,
        "judged_at": custody and custody.judged_at,
        "content_credentials": custody and custody.content_credentials.state,
    }
    cells = [about[name] if name in about else getattr(verdict, name) for name in COLUMNS]
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell for cell in cells]
