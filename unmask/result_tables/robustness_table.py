"""What `Run.robustness` returns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.tables import Row, Table

if TYPE_CHECKING:
    import torch

    from unmask.core.work_folder import WorkFolder
    from unmask.evaluation.robustness.results import Robustness


class RobustnessTable(Table):
    """One row per corruption, strength (0 is clean) and scope: pooled, macro, kind of media, dataset."""

    title = "robustness"

    def __init__(self, robustness: Robustness, folder: Path) -> None:
        self.details = robustness
        self.folder = folder
        """The run's, with robustness.json and robustness.csv."""

    def as_rows(self) -> list[Row]:
        from unmask.evaluation.robustness.results import list_rows

        return list_rows(self.details)

    def notes(self) -> Sequence[str]:
        return self.details.notes


def measure_run(
    run: Path,
    work: WorkFolder,
    only: Sequence[str],
    strengths: Sequence[int],
    *,
    device: torch.device,
    batch_size: int,
) -> RobustnessTable:
    from unmask.evaluation.robustness.robustness import measure_robustness

    found = measure_robustness(run, work, only=only, strengths=strengths, device=device, batch_size=batch_size)
    return RobustnessTable(found, run)
