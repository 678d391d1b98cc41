"""The result of a suite: its cells, their mean, and its table as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from unmask.evaluation.results import MACRO
from unmask.evaluation.suites.cell import CellResult
from unmask.evaluation.suites.registry import CellSplit
from unmask.evaluation.tables.spread import Spread, spread_over_seeds
from unmask.metrics import binary

VERSION = 1
NOTHING = "-"
MEAN = "mean"
MEAN_LARGE = "mean 5+"
"""Over the splits with ENOUGH_ITEMS real and fake test items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A column of the table."""

    heading: str
    metric: str
    """Of METRICS, or a field of FrameFigures after "frames."."""
    row: str = MACRO
    """Summary over the datasets of the test items."""

    def read(self, result: CellResult | None) -> float | None:
        if result is None:
            return None
        if self.metric.startswith("frames."):
            return getattr(result.frames, self.metric.removeprefix("frames."), None)
        return result.get(self.metric, self.row)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    name: str
    """Of its folder under <work>/suites."""
    suite: str
    """As on the command line."""
    description: str
    grid: bool
    """Shown as a grid of what was trained on by what was tested on."""
    split_seed: int
    profile: str
    presets: tuple[str, ...]
    seeds: tuple[int, ...]
    splits: tuple[CellSplit, ...]
    cells: tuple[CellResult, ...]
    """In the order of splits, presets and seeds; those that were not reached are missing."""
    stopped: bool = False
    """Stopped by the user; the same command continues."""

    def find(self, preset: str, split: str, seed: int) -> CellResult | None:
        wanted = (preset, split, seed)
        return next((cell for cell in self.cells if (cell.preset, cell.split, cell.seed) == wanted), None)

    def as_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            **asdict(self),
            "means": {
                preset: {figure.heading: _as_json(average_cells(self, preset, figure)) for figure in list_figures(self)}
                for preset in self.presets
            },
        }


def list_figures(result: SuiteResult) -> list[Figure]:
    """AUC and the other metrics of ablation tables; of a suite that scores faces, frame and video AUC by name."""
    main = [metric for metric in binary.METRICS if metric.ablation]
    figures = [Figure(heading=metric.heading, metric=metric.name) for metric in main]
    if not any(split.frames for split in result.splits):
        return figures
    auc, *others = figures
    return [
        Figure(heading="frame AUC", metric="frames.auc"),
        Figure(heading="video AUC", metric=auc.metric),
        Figure(heading="video AUC (mean of frames)", metric="frames.video_auc"),
        *others,
    ]


def spread_cell(result: SuiteResult, preset: str, split: str, figure: Figure) -> Spread | None:
    return spread_over_seeds([figure.read(result.find(preset, split, seed)) for seed in result.seeds])


def average_cells(
    result: SuiteResult, preset: str, figure: Figure, splits: Sequence[CellSplit] | None = None
) -> Spread | None:
    """Mean over the `splits` (None: all that count in the mean) per seed, then over the seeds.

    A split without the figure for one of the seeds is left out for all, so that every seed is the mean of the same.
    """
    chosen = [split for split in (result.splits if splits is None else splits) if split.averaged]
    rows = [[figure.read(result.find(preset, split.name, seed)) for seed in result.seeds] for split in chosen]
    known = [row for row in rows if None not in row]
    return spread_over_seeds(np.array(known, np.float64).mean(axis=0).tolist()) if known else None


def list_large(result: SuiteResult, preset: str) -> list[CellSplit]:
    """Splits with ENOUGH_ITEMS real and fake test items with a score."""
    large = {cell.split for cell in result.cells if cell.preset == preset and not cell.is_small}
    return [split for split in result.splits if split.name in large]


def list_means(result: SuiteResult, preset: str) -> list[tuple[str, list[CellSplit]]]:
    """Name of each mean row and its splits; the second only where some but not all splits are small."""
    large = list_large(result, preset)
    known = {cell.split for cell in result.cells if cell.preset == preset and not cell.reason}
    means = [(MEAN, list(result.splits))]
    return [*means, (MEAN_LARGE, large)] if 0 < len(large) < len(known) else means


def describe_items(result: SuiteResult, preset: str, split: str) -> str:
    """For example "40+60": real and fake test items with a score."""
    found = (result.find(preset, split, seed) for seed in result.seeds)
    cell = next((one for one in found if one is not None and not one.reason), None)
    return NOTHING if cell is None else f"{cell.n_real}+{cell.n_fake}"


def format_spread(spread: Spread | None) -> str:
    return NOTHING if spread is None else str(spread)


def _as_json(spread: Spread | None) -> dict[str, Any] | None:
    return None if spread is None else asdict(spread)
