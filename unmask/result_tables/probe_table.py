"""What `Work.probe` returns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmask.core.work_folder import WorkFolder
from unmask.tables import Row, Table

if TYPE_CHECKING:
    from unmask.evaluation.probe.probe import Probe
    from unmask.manifests.manifest import Manifest
    from unmask.preprocess.profiles import Profile


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


def probe_encoders(
    work: WorkFolder, manifest: Manifest, profile: Profile, out: str | Path | None, **options: Any
) -> ProbeTable:
    """Probe with the `options` of `probe`, and write its files into the folder `out` (None: <work>/probe)."""
    from unmask.evaluation.probe.probe import probe
    from unmask.evaluation.probe.probe_files import write_probe

    found = probe(manifest, profile, work, **options)
    folder = work.probe if out is None else Path(out)
    write_probe(folder, found)
    return ProbeTable(found, folder)
