"""One cell of a suite (a split, a preset and a seed) and its result, `cell.json`, which makes it finished.

<work>/suites/cells/<split>-<preset>-s<seed>-<8 hex of split, settings and files>/
    config.json, metrics.jsonl, ...   of the training, as in runs/; weights and checkpoint only until it is finished
    predictions.parquet               scores of the test items
    cell.json                         CellResult, written last
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from unmask.core.errors import raise_read_failure
from unmask.core.files import sealed_files
from unmask.core.hashing import fingerprint
from unmask.evaluation.results import MACRO
from unmask.evaluation.suites.registry import CellSplit
from unmask.metrics.binary import ENOUGH_ITEMS
from unmask.train.config import TrainConfig
from unmask.train.extensions import hash_extensions

FILE = "cell.json"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What is to be trained and scored."""

    split: CellSplit
    split_seed: int
    preset: str
    """Name of the row group; its settings are `config`."""
    config: TrainConfig
    """With the cell's seed."""
    files: str
    """Hash of the files, their labels and their tokens (`hash_files`)."""

    @property
    def key(self) -> str:
        split = {name: value for name, value in asdict(self.split).items() if name in DECIDING}
        return fingerprint(
            "cell-1", split, self.split_seed, self.config.fingerprint(), hash_extensions(self.config), self.files
        )

    @property
    def folder(self) -> str:
        name = re.sub(r"[^A-Za-z0-9]+", "-", self.split.name).strip("-")[:80]
        return f"{name}-{self.preset}-s{self.config.seed}-{self.key[:8]}"


DECIDING = ("scheme", "datasets", "compression", "frames")
"""Fields of `CellSplit` that change a result; the others are names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFigures:
    """Each face of the test videos scored by itself."""

    auc: float | None
    """Frame AUC: over all faces of all videos."""
    video_auc: float | None
    """AUC of the mean of each video's face scores, as the field reports it; the AUC of the cell is that of whole
    clips."""
    frames: int
    videos: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    key: str
    split: str
    """Name of its split in the suite."""
    preset: str
    seed: int
    scheme: str = ""
    """Name of the split with version and seed."""
    reason: str = ""
    """Why there are no figures; "" where there are."""
    figures: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    """Dataset, "macro", "macro 5+" or "pooled" -> metric -> value."""
    interval: tuple[float, float] | None = None
    """95 % of the macro AUC, over groups of the test items."""
    n_real: int = 0
    n_fake: int = 0
    """Test items with a score."""
    given: int = 0
    """Labeled test items of this split, with or without a score."""
    train_items: int = 0
    epochs: int = 0
    train_seconds: float = 0.0
    left_out: tuple[str, ...] = ()
    """Modalities that test files have and no training file: the model of this cell does not read them."""
    frames: FrameFigures | None = None

    @property
    def is_small(self) -> bool:
        """Too few items of a class for a figure that is not mostly luck."""
        return min(self.n_real, self.n_fake) < ENOUGH_ITEMS

    def get(self, metric: str, row: str = MACRO) -> float | None:
        return self.figures.get(row, {}).get(metric)


def write_cell(folder: Path, result: CellResult) -> None:
    sealed_files.write_json(folder / FILE, {"version": VERSION, **asdict(result)})


def read_cell(folder: Path, key: str) -> CellResult | None:
    """The finished cell of this key; None if there is none, or one that cannot be read."""
    try:
        value = sealed_files.read_json(folder / FILE)
        return parse_cell(value) if value.pop("version") == VERSION and value["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise_read_failure(error)
        return None


def parse_cell(value: Mapping[str, Any]) -> CellResult:
    """From its fields as JSON has them."""
    frames, interval = value["frames"], value["interval"]
    changed = {
        "left_out": tuple(value["left_out"]),
        "frames": FrameFigures(**frames) if frames else None,
        "interval": tuple(interval) if interval else None,
    }
    return CellResult(**{**value, **changed})
