"""What `Work.probe` returns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.tables import Row, Table

if TYPE_CHECKING:
    from unmask.evaluation.probe.probe import Probe


class ProbeTable(Table):
    """One row per encoder, layer, pooling, scope and dataset."""

    title = "probe"

    def __init__(self, probe: Probe, folder: Path) -> None:
        self.probe = probe
        self.folder = folder
        """Of probe.html, probe.csv, probe.json and encoders.yaml."""

    @property
    def settings(self) -> Path:
        """The recommended encoders, as a settings file for `extract`."""
        from unmask.evaluation.probe.probe_files import YAML

        return self.folder / YAML

    def as_rows(self) -> list[Row]:
        return [
            {
                "modality": cell.modality,
                "candidate": cell.candidate,
                "scope": cell.scope,
                "dataset": cell.dataset,
                "AUC": cell.auc,
                "low": cell.low,
                "high": cell.high,
            }
            for part in self.probe.modalities
            for cell in part.cells
        ]

    def notes(self) -> Sequence[str]:
        from unmask.evaluation.probe.probe_files import explain

        return [f"{part.modality}, {explain(part)}" for part in self.probe.modalities]
