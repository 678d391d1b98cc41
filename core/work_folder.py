"""Paths of all stage outputs under the work folder. Stages exchange data only through these files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unmask.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class WorkFolder:
    """Paths under the work folder `root`. `UsageError` if `root` is a file.

    <root>/profile.json                      the profile chosen first, used by later commands
    <root>/manifest.parquet                  one row per media file, with its split
    <root>/probes.parquet                    the manifest before the split: the next scan reads only new files
    <root>/scan-parts/                       what `scan --shard` found, until and after `merge` joins it
    <root>/findings.parquet                  files that scan ignored, and contradictions it found
    <root>/fingerprints.parquet              perceptual hashes of the files, for near-duplicate search
    <root>/transcripts.parquet               text per audio content, written by transcribe
    <root>/audit-*.parquet                   measurements per file that the next audit reuses
    <root>/media/<fingerprint>/              media shards, and outcomes.parquet with the result per file
    <root>/tokens/<encoder>-<fingerprint>/   token shards of one encoder
    <root>/adapted/<id>/                     encoder weights that were adapted to the training split
    <root>/probe/                            results of probe, and the encoders that it recommends
    <root>/runs/<id>/                        trained models, their settings and evaluation results
    <root>/foreign/<name>/                   scores of other systems, evaluated as those of a run
    <root>/ablations/<name>/                 tables of ablate, one folder per comparison
    <root>/robustness/                       tokens of corrupted test items, kept for the next call of robustness
    <root>/suites/<name>/                    tables of suite; their trainings are in suites/cells/
    <root>/locks/                            lock files, which name the processes at work
    <root>/tmp/                              temporary folders, which are removed at the end of a command
    <root>/audit.html                        report of audit
    <root>/audit.json                        its results, which evaluate shows beside its own
    <root>/report.html                       report over all stages and runs
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
    def scan_parts(self) -> Path:
        return self.root / "scan-parts"

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
    def adapted(self) -> Path:
        return self.root / "adapted"

    @property
    def probe(self) -> Path:
        return self.root / "probe"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def foreign(self) -> Path:
        return self.root / "foreign"

    @property
    def ablations(self) -> Path:
        return self.root / "ablations"

    @property
    def robustness(self) -> Path:
        return self.root / "robustness"

    @property
    def suites(self) -> Path:
        return self.root / "suites"

    @property
    def locks(self) -> Path:
        return self.root / "locks"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    def audit(self) -> Path:
        return self.root / "audit.html"

    @property
    def audit_results(self) -> Path:
        return self.root / "audit.json"

    @property
    def report(self) -> Path:
        return self.root / "report.html"
