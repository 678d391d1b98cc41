"""What an audit found: plain figures, for the page, the terminal and JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from unmask.manifests.splits.leaks import Leaks

VERSION = 1
FLAG_ABOVE = 0.6
LEVEL = 0.99
"""Of the intervals: of the hundred lines that an audit has, about one lies outside by chance."""
FLAG_GROUPS = 5
"""Groups of each class below which nothing is flagged: of three, all can agree by chance."""

RULE = (
    f"A line is flagged as a shortcut when its cross-validated AUC is above {FLAG_ABOVE}, the lower end of its "
    f"{LEVEL:.0%} bootstrap interval over groups is above 0.5, and at least {FLAG_GROUPS} groups of each class stand "
    f"behind it. It is suspect when only the first holds: too little data to tell it from chance."
)

Verdict = Literal["flagged", "suspect", "clear", "untested"]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureLine:
    """One fact of the files by itself."""

    name: str
    files: int
    """Files that have it."""
    auc: float | None
    """Cross-validated, with one bend or many: a fact that is in the middle for reals can tell them too."""
    direct: float | None
    """AUC of the value as it is: above 0.5 fakes have more of it, below less. None for names such as codecs."""
    constant: str | None = None
    """The only value, where all files have the same: nothing can be told from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeLine:
    """How well some facts tell the label without the content."""

    name: str
    about: str
    real: int = 0
    fake: int = 0
    groups: tuple[int, int] = (0, 0)
    """With reals and with fakes: what is held out, and what the interval resamples."""
    auc: float | None = None
    """Of held-out groups; None where `verdict` is untested."""
    interval: Interval | None = None
    """LEVEL over groups; None with fewer than three of a class."""
    verdict: Verdict = "untested"
    best: FeatureLine | None = None
    """The one fact that tells most by itself."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellLine:
    """A class in a split."""

    split: str
    label: str
    files: int
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How one number is distributed over reals and fakes."""

    name: str
    unit: str
    real: tuple[float, ...]
    """Minimum, 25 %, median, 75 %, maximum; empty without files."""
    fake: tuple[float, ...]
    edges: tuple[float, float]
    """Of the bins; what is beyond counts in the first or last."""
    real_shares: tuple[float, ...]
    """Share of the class in each of equal bins."""
    fake_shares: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetAudit:
    name: str
    kinds: dict[str, int]
    real: int
    fake: int
    failed: int
    """Of them, files that cannot be read: counted, not probed."""
    groups: int
    methods: dict[str, int]
    splits: dict[str, tuple[int, int]]
    """Split -> (real, fake); "none" for files that are in no split."""
    prior_accuracy: float | None
    """Of always answering the more frequent label, with an AUC and a balanced accuracy of .5; None without labels."""
    probed: int
    """Files that the probes looked at: all, or a seeded sample of each class."""
    probes: tuple[ProbeLine, ...]
    features: tuple[FeatureLine, ...]
    """Best first, constant ones last."""
    spreads: tuple[Spread, ...]
    small_cells: tuple[CellLine, ...]
    problems: dict[str, int]
    """Why files could not be looked into -> how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Files that are one file, or look or sound like one."""

    files: tuple[str, ...]
    """"dataset/path", at most SHOWN of them."""
    count: int
    datasets: tuple[str, ...]
    labels: tuple[int, ...]
    splits: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSummary:
    """Sets of files that are the same; `conflicts` have both labels."""

    sets: int = 0
    files: int = 0
    across_datasets: int = 0
    """Sets, as the next two."""
    across_splits: int = 0
    conflicts: int = 0
    first: tuple[Shared, ...] = ()
    """Conflicts first, then what crosses splits or datasets."""


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
    """Kind of facts -> files opened by this audit; the others were kept from an earlier one. Not in the JSON: two
    audits of the same files are the same."""

    def lines(self, *verdicts: Verdict) -> list[tuple[str, ProbeLine]]:
        """(dataset, probe) with one of `verdicts`; "all datasets" for those over the collection."""
        parts = [(one.name, one.probes) for one in self.datasets]
        parts.append(("all datasets", self.collection))
        return [(name, line) for name, probes in parts for line in probes if line.verdict in verdicts]

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
            "datasets": [asdict(one) for one in self.datasets],
            "collection": [asdict(line) for line in self.collection],
            "leaks": self.leaks.as_json(),
            "duplicates": asdict(self.duplicates),
            "near_duplicates": None if self.near is None else asdict(self.near),
        }


def describe(line: ProbeLine) -> str:
    assert line.auc is not None, f"{line.name}: {line.verdict}"
    span = f" [{line.interval[0]:.3f}, {line.interval[1]:.3f}]" if line.interval else ""
    told = line.best and line.best.auc is not None and line.best.name != line.name
    best = f", most by {line.best.name} ({line.best.auc:.3f})" if told and line.best else ""
    return f"{line.name}: AUC {line.auc:.3f}{span}{best}"
