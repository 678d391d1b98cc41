"""Train and score one cell of a suite. It can be killed anywhere and called again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from unmask.core.errors import MissingInput, UsageError
from unmask.core.file_lock import Held
from unmask.evaluation.item_set import ItemSet, select_labeled
from unmask.evaluation.open_run import OpenRun
from unmask.evaluation.predictions import write_predictions
from unmask.evaluation.results import MACRO, ScoreTable
from unmask.evaluation.score_tables import Scorer, measure
from unmask.evaluation.suites.cell import Cell, CellResult, write_cell
from unmask.evaluation.suites.frame_scores import measure_frames
from unmask.evaluation.suites.split_data import SplitData, narrow_config, open_split
from unmask.metrics import binary
from unmask.train.config import TrainConfig
from unmask.train.fit import fit
from unmask.train.run_folder import BEST, LAST, load_run

log = logging.getLogger("unmask")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellJob:
    """A cell, and what a process needs to work on it."""

    root: Path
    """Of the work folder."""
    cells: Path
    """Folder of all cells."""
    cell: Cell
    device: str

    @property
    def folder(self) -> Path:
        return self.cells / self.cell.folder


def run_cell(job: CellJob) -> CellResult:
    """The result of the cell, also written as its cell.json.

    A split that is refused or lacks a class is a result with a reason. So is a training that fails, which is tried
    again by the next call. `KeyboardInterrupt` when the user stops the training.
    """
    cell, device = job.cell, torch.device(job.device)
    with _work_quietly(device):
        try:
            split = open_split(job.root, cell.split, cell.split_seed, device)
            config, left_out = narrow_config(cell.config, split.data)
        except (UsageError, MissingInput) as error:
            result = refuse_cell(cell, error.problem)
            write_cell(job.folder, result)
            return result
        try:
            result = _train_and_score(job, split, config, left_out, device)
        except Held:  # says nothing of the cell
            raise
        except UsageError as error:
            return refuse_cell(cell, error.problem)
    write_cell(job.folder, result)
    remove_weights(job.folder)
    return result


def remove_weights(folder: Path) -> None:
    """Of a finished cell: also where the process was killed that had just finished it."""
    for weights in (LAST, BEST):
        (folder / weights).unlink(missing_ok=True)


def refuse_cell(cell: Cell, reason: str) -> CellResult:
    return CellResult(
        key=cell.key, split=cell.split.name, preset=cell.preset, seed=cell.config.seed, reason=_shorten(reason)
    )


def _train_and_score(
    job: CellJob, split: SplitData, config: TrainConfig, left_out: tuple[str, ...], device: torch.device
) -> CellResult:
    summary = fit(split.data, config, job.folder, device=device, purpose="ablation")
    if summary.stopped:
        raise KeyboardInterrupt
    opened = OpenRun(job.folder, load_run(job.folder, device), split.manifest, split.data, Path(), ())
    rows = [row for row in split.manifest.rows() if row.split == "test" and row.label is not None]
    scorable = opened.list_scorable()
    items = select_labeled([row for row in rows if row.media_id in scorable])
    numbers = np.array([scorable[row.media_id] for row in items.rows], np.int64)
    table = _measure_items(opened, items, numbers, device)
    return CellResult(
        key=job.cell.key,
        split=job.cell.split.name,
        preset=job.cell.preset,
        seed=job.cell.config.seed,
        scheme=split.scheme,
        figures={row.name: {metric.name: row[metric.name] for metric in binary.METRICS} for row in table.rows},
        interval=table.row(MACRO).interval("auc"),
        n_real=int((~items.is_fake).sum()),
        n_fake=int(items.is_fake.sum()),
        given=len(rows),
        train_items=summary.train_items,
        epochs=summary.epochs,
        train_seconds=summary.train_seconds,
        left_out=left_out,
        frames=measure_frames(opened, items, numbers, device) if job.cell.split.frames else None,
    )


def _measure_items(opened: OpenRun, items: ItemSet, numbers: NDArray[np.int64], device: torch.device) -> ScoreTable:
    """Metrics of `items`, whose `numbers` in the clip table rise; their scores are written beside the run."""
    scores, _ = opened.score(numbers.tolist(), device=device)
    threshold = opened.info.threshold
    write_predictions(opened.run, items, scores, threshold, [])
    return measure(items, Scorer("model", "", scores.score, threshold), seed=0).table


@contextmanager
def _work_quietly(device: torch.device) -> Iterator[None]:
    """Without a line per epoch and, on a CPU, with one thread: the same numbers however many cells run at once."""
    level, threads = log.level, torch.get_num_threads()
    log.setLevel(logging.ERROR)
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)
        log.setLevel(level)


def _shorten(reason: str) -> str:
    """Without the option that this command does not have, and the list of what leaks."""
    head, leaks, _ = reason.removeprefix("--split").lstrip(": ").partition(" would be in several splits")
    return head + leaks
