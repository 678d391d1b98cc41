"""Where each stage's output lies under the work folder. Stages meet in these files and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unmask.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class WorkFolder:
    """
    <root>/profile.json                      the profile that later calls stick to
    <root>/manifest.parquet                  one row a media file
    <root>/probes.parquet                    the same before it was split: the next scan probes only what is new
    <root>/findings.parquet                  what scan ignored or could not reconcile
    <root>/fingerprints.parquet              what near-duplicates are recognised by
    <root>/media/<fingerprint>/              media shards and `outcomes.parquet`, what became of each item
    <root>/tokens/<encoder>-<fingerprint>/   token shards of one encoder
    <root>/runs/<id>/                        trained models and their evidence
    <root>/locks/                            empty files that keep two calls of one stage apart
    <root>/audit.html
    <root>/report.html
    """

    root: Path

    def __post_init__(self) -> None:
        if self.root.exists() and not self.root.is_dir():
            raise UsageError(f"{self.root}: a file, not a folder", "--work DIR")

    @property
    def profile(self) -> Path:
        return self.root / "profile.json"

    @property
    def manifest(self) -> Path:
        return self.root / "manifest.parquet"

    @property
    def probes(self) -> Path:
        return self.root / "probes.parquet"

    @property
    def findings(self) -> Path:
        return self.root / "findings.parquet"

    @property
    def fingerprints(self) -> Path:
        return self.root / "fingerprints.parquet"

    @property
    def media(self) -> Path:
        return self.root / "media"

    @property
    def tokens(self) -> Path:
        return self.root / "tokens"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def locks(self) -> Path:
        return self.root / "locks"

    @property
    def audit(self) -> Path:
        return self.root / "audit.html"

    @property
    def report(self) -> Path:
        return self.root / "report.html"
