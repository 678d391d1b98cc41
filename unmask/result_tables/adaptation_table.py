"""What `Work.adapt` returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmask.tables import Row, Table

if TYPE_CHECKING:
    import torch

    from unmask.cache.adaptation.settings import AdaptSettings
    from unmask.cache.sync.settings import SyncSettings
    from unmask.cache.weights.trained_on import TrainedOn
    from unmask.core.work_folder import WorkFolder
    from unmask.manifests.manifest import Manifest
    from unmask.preprocess.profiles import Profile


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
        from unmask.preprocess.encoder_names import SYNC

        record = self.record
        if record.encoder.name == SYNC:
            counts = f"{record.items['train']} genuine training videos"
            return [f"{record.parameters:,} weights learned on {counts}; validation AUC: audio shifted by 0.4 s or not"]
        share = f"{record.tuned:,} of {record.parameters:,} weights tuned ({record.tuned / record.parameters:.2%})"
        lines = [f"{share} on {record.items['train']} training files; chosen on {record.items['val']} of validation"]
        if not record.best_epoch:
            lines.append("no epoch was better on validation than the frozen encoder: its weights stay as they are")
        return lines


def make_settings(encoder: str) -> AdaptSettings | SyncSettings:
    """Defaults of the adaptation of `encoder`."""
    from unmask.cache.adaptation.settings import AdaptSettings
    from unmask.cache.sync.settings import SyncSettings
    from unmask.preprocess.encoder_names import SYNC

    return SyncSettings() if encoder == SYNC else AdaptSettings()


def adapt_encoder(
    manifest: Manifest,
    profile: Profile,
    work: WorkFolder,
    encoder: str,
    settings: Mapping[str, Any],
    *,
    device: torch.device,
    out: Path | None,
) -> AdaptationTable:
    """See `Work.adapt`."""
    from unmask.cache.adaptation.stage import adapt
    from unmask.cache.sync.settings import SyncSettings
    from unmask.cache.sync.stage import learn_sync

    chosen = make_settings(encoder).changed(settings)
    if isinstance(chosen, SyncSettings):
        return AdaptationTable(*learn_sync(manifest, profile, work, chosen, device=device, out=out))
    return AdaptationTable(*adapt(manifest, profile, work, encoder, chosen, device=device, out=out))
