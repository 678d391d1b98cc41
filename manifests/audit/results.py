"""Results of an audit: plain figures, for the page, the terminal and JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from unmask.manifests.splits.leaks import Leaks

VERSION = 1
FLAG_ABOVE = 0.6
LEVEL = 0.99
"""Of the intervals: about one of the hundred lines of an audit lies outside by chance."""
FLAG_GROUPS = 5
"""Fewest groups of each class for a flag: three groups can agree by chance."""

RULE = (
    f"A line is flagged as a shortcut when its cross-validated AUC is above {FLAG_ABOVE}, the lower end of its "
    f"{LEVEL:.0%} bootstrap interval over groups is above 0.5, and each class has at least {FLAG_GROUPS} "
    f"groups. It is suspect when only the first holds: too little data to distinguish it from chance."
)

Verdict = Literal["flagged", "suspect", "clear", "untested"]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureLine:
    """One feature of the files by itself."""

    name: str
    files: int
    """Files that have it."""
    auc: float | None
    """Of the shortcut classifier, cross-validated: real files may also lie between the fakes."""
    direct: float | None
    """AUC of the value itself: above 0.5 if fakes have larger values. None for names such as codecs."""
    constant: str | None = None
    """The value that all files share; it cannot predict the label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeLine:
    """How well some features predict the label without the content."""

    name: str
    about: str
    real: int = 0
    fake: int = 0
    groups: tuple[int, int] = (0, 0)
    """With real files and with fakes: the units that are held out and resampled."""
    auc: float | None = None
    """Of held-out groups; None where `verdict` is untested."""
    interval: Interval | None = None
    """LEVEL over groups; None with fewer than three groups of a class."""
    verdict: Verdict = "untested"
    best: FeatureLine | None = None
    """The single feature that predicts the label best."""
    note: str = ""
    splits: dict[str, float] = field(default_factory=dict)
    """Split -> AUC of its files alone, by the same held-out scores; of splits with both classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcut:
    """A flagged or suspect line, in short."""

    dataset: str
    classifier: str
    verdict: str
    auc: float
    text: str
    """Such as "silence and duration: AUC 0.871 [0.771, 0.951], most by leading_s (0.822)"."""
    splits: dict[str, float] = field(default_factory=dict)
    """As in `ProbeLine`; empty where the splits have changed since the audit."""

    @classmethod
    def of(cls, dataset: str, line: ProbeLine) -> Shortcut:
        assert line.auc is not None, f"{line.name}: {line.verdict}"
        return cls(
            dataset=dataset,
            classifier=line.name,
            verdict=line.verdict,
            auc=line.auc,
            text=describe(line),
            splits=line.splits,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CellLine:
    """One class in one split."""

    split: str
    label: str
    files: int
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Distribution of one number over real and fake files."""

    name: str
    unit: str
    real: tuple[float, ...]
    """Minimum, 25 %, median, 75 %, maximum; empty without files."""
    fake: tuple[float, ...]
    edges: tuple[float, float]
    """Of the bins; values beyond count in the first or last bin."""
    real_shares: tuple[float, ...]
    """Share of the class in each of the equally wide bins."""
    fake_shares: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetAudit:
    name: str
    kinds: dict[str, int]
    real: int
    fake: int
    failed: int
    """Unreadable files: counted, not probed."""
    groups: int
    methods: dict[str, int]
    splits: dict[str, tuple[int, int]]
    """Split -> (real, fake); "none" for files in no split."""
    prior_accuracy: float | None
    """Of always answering the more frequent label; its AUC and balanced accuracy are .5. None without labels."""
    probed: int
    """Files that the probes used: all, or a seeded sample of each class."""
    probes: tuple[ProbeLine, ...]
    features: tuple[FeatureLine, ...]
    """Best first, constant ones last."""
    spreads: tuple[Spread, ...]
    small_cells: tuple[CellLine, ...]
    problems: dict[str, int]
    """Reason why files could not be measured -> how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A set of duplicate or near-duplicate files."""

    files: tuple[str, ...]
    """"dataset/path", at most SHOWN of them."""
    count: int
    datasets: tuple[str, ...]
    labels: tuple[int, ...]
    splits: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSummary:
    """All sets of duplicate files; `conflicts` have both labels."""

    sets: int = 0
    files: int = 0
    across_datasets: int = 0
    """Sets, like the next two."""
    across_splits: int = 0
    conflicts: int = 0
    first: tuple[Shared, ...] = ()
    """Conflicts first, then sets across splits or datasets."""


@dataclass(frozen=True, kw_only=True)
class Audit:
    files: int
    split_scheme: str
    split_hash: str
    seed: int
    datasets: tuple[DatasetAudit, ...]
    collection: tuple[ProbeLine, ...]
    """Probes over all datasets together."""
    leaks: Leaks
    duplicates: SharedSummary
    near: SharedSummary | None
    """None where no near-duplicates were given."""
    read: dict[str, int] = field(default_factory=dict)
    """Fact table -> files read by this audit; the others were known. Not in the JSON, so that two audits of the
    same files are equal."""

    def lines(self, *verdicts: Verdict) -> list[tuple[str, ProbeLine]]:
        """(dataset, probe) with one of `verdicts`; "all datasets" for those over the collection."""
        parts = [(one.name, one.probes) for one in self.datasets]
        parts.append(("all datasets", self.collection))
        return [(name, line) for name, probes in parts for line in probes if line.verdict in verdicts]

    @property
    def families(self) -> tuple[str, ...]:
        """Names of the probes, which are the same for every dataset."""
        return tuple(line.name for line in self.datasets[0].probes) if self.datasets else ()

    @property
    def flags(self) -> list[str]:
        """Such as "own_speech: silence and duration: AUC 0.871 [0.771, 0.951], most by leading_s (0.822)"."""
        return [f"{name}: {describe(line)}" for name, line in self.lines("flagged")]

    def as_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "rule": RULE,
            "files": self.files,
            "split_scheme": self.split_scheme,
            "split_hash": self.split_hash,
            "seed": self.seed,
            "flags": self.flags,
            "shortcuts": [asdict(Shortcut.of(name, line)) for name, line in self.lines("flagged", "suspect")],
            "datasets": [asdict(one) for one in self.datasets],
            "collection": [asdict(line) for line in self.collection],
            "leaks": self.leaks.as_json(),
            "duplicates": asdict(self.duplicates),
            "near_duplicates": None if self.near is None else asdict(self.near),
        }


def describe(line: ProbeLine) -> str:
    assert line.auc is not None, f"{line.name}: {line.verdict}"
    span = f" [{line.interval[0]:.3f}, {line.interval[1]:.3f}]" if line.interval else ""
    differs = line.best and line.best.auc is not None and line.best.name != line.name
    best = f", most by {line.best.name} ({line.best.auc:.3f})" if differs and line.best else ""
    return f"{line.name}: AUC {line.auc:.3f}{span}{best}"
