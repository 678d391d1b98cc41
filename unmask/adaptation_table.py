"""What `Work.adapt` returns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.tables import Row, Table

if TYPE_CHECKING:
    from unmask.cache.weights.trained_on import TrainedOn


class AdaptationTable(Table):
    """Validation figures of each epoch. Epoch 0 is the frozen encoder with a linear head."""

    title = "adaptation"

    def __init__(self, folder: Path, record: TrainedOn) -> None:
        self.folder = folder
        """The weights: `work.extract(weights={encoder: folder})`."""
        self.record = record
        """What they were trained on, as trained_on.json holds it."""

    def as_rows(self) -> list[Row]:
        best = self.record.best_epoch
        return [
            {
                "epoch": line["epoch"],
                "training loss": line["loss"],
                "validation loss": line["val_loss"],
                "validation AUC": line["auc"],
                "best": "best" if line["epoch"] == best else "",
            }
            for line in self.record.epochs
        ]

    def notes(self) -> Sequence[str]:
        record = self.record
        share = f"{record.tuned:,} of {record.parameters:,} weights tuned ({record.tuned / record.parameters:.2%})"
        lines = [f"{share} on {record.items['train']} training files; chosen on {record.items['val']} of validation"]
        if not record.best_epoch:
            lines.append("no epoch was better on validation than the frozen encoder: its weights stay as they are")
        return lines
