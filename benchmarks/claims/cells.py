"""Cells of the table: one problem, size, seed and system. Each finished one is a line of a file, so a run can go on."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.claims.problems import PROBLEMS
from benchmarks.claims.systems import System, make_config
from benchmarks.claims.tokens import ENCODERS, Items, hide
from unmask.core.hashing import fingerprint
from unmask.evaluation.control_features import average_tokens
from unmask.evaluation.controls import score_mean_tokens
from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.open_run import OpenRun
from unmask.manifests.manifest import Manifest
from unmask.metrics.binary import auc
from unmask.train.config import TrainConfig
from unmask.train.data.token_data import TokenData
from unmask.train.fit import fit
from unmask.train.run_folder import load_run

VERSION = 1
"""Of the problems: with another one no cell of an earlier file is taken over."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    problem: str
    size: int
    seed: int
    system: str
    key: str
    """Of the problem's version and the settings: systems of equal settings share their result."""
    auc: float
    """Of the test items."""
    hidden_auc: float | None
    """Of the test items without one of `Problem.hidden`; None where the problem hides nothing."""
    best_epoch: int | None
    epochs: int | None
    seconds: float
    """Of processor time, tokens not included."""
    validation_auc: float | None = None
    """Mean over the datasets; of the best epoch. None of the probe."""


def compute_key(problem: str, size: int, seed: int, config: TrainConfig | None) -> str:
    return fingerprint("claims", VERSION, problem, size, seed, None if config is None else config.fingerprint())


class Results:
    """The finished cells of a file, by key. A line that was cut off is left out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cells: dict[str, Cell] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            try:
                cell = Cell(**json.loads(line))
            except (ValueError, TypeError):
                continue
            self.cells[cell.key] = cell

    def add(self, cell: Cell) -> None:
        self.cells[cell.key] = cell
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            # Begins with a line break: the file may end with half a line.
            file.write(f"\n{json.dumps(asdict(cell))}")


def run_cells(
    problem: str,
    size: int,
    seed: int,
    systems: Sequence[str],
    results: Results,
    *,
    epochs: int,
    more: Mapping[str, System],
) -> list[Cell]:
    """One cell per system, in their order; those not in `results` are trained and added."""
    configs = {name: make_config(name, seed, epochs, more) for name in systems}
    keys = {name: compute_key(problem, size, seed, config) for name, config in configs.items()}
    if set(keys.values()) - set(results.cells):
        # Every problem and every seed has its own encoders, directions and items.
        random = np.random.default_rng([seed, size, *problem.encode()])
        with tempfile.TemporaryDirectory() as name:
            bench = _Bench.of(problem, PROBLEMS[problem].draw(random, size), Path(name))
            for system, key in keys.items():
                if key not in results.cells:
                    results.add(bench.run(system, configs[system], key, size, seed))
    # Systems of equal settings have one cell, under the name of the first of them.
    return [replace(results.cells[key], system=name) for name, key in keys.items()]


@dataclass(frozen=True, kw_only=True)
class _Bench:
    """The items of one problem, and a folder for runs."""

    problem: str
    items: ItemSet
    manifest: Manifest
    data: TokenData
    folder: Path

    @classmethod
    def of(cls, problem: str, items: Items, folder: Path) -> _Bench:
        manifest, data = items.write(folder / "tokens")
        return cls(problem=problem, items=ItemSet(items.rows), manifest=manifest, data=data, folder=folder)

    def run(self, system: str, config: TrainConfig | None, key: str, size: int, seed: int) -> Cell:
        started, hidden = time.process_time(), PROBLEMS[self.problem].hidden
        parts = [self.data, hide(self.data, hidden)] if hidden else [self.data]
        best_epoch = epochs = validation_auc = None
        if config is None:
            scores = [self._score_probe(data, seed) for data in parts]
        else:
            run = self.folder / key
            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            summary = fit(self.data, config, run, device=device)
            if summary.stopped:
                raise KeyboardInterrupt
            best_epoch, epochs = summary.best_epoch, summary.epochs
            validation_auc = summary.validation and summary.validation["macro"]["auc"]
            scores = [self._score_run(run, data, device) for data in parts]
        test = self.items.split == "test"
        aucs = [auc(self.items.is_fake[test], score) for score in scores]
        return Cell(
            problem=self.problem,
            size=size,
            seed=seed,
            system=system,
            key=key,
            auc=aucs[0],
            hidden_auc=aucs[1] if hidden else None,
            best_epoch=best_epoch,
            epochs=epochs,
            seconds=round(time.process_time() - started, 2),
            validation_auc=validation_auc,
        )

    def _score_probe(self, data: TokenData, seed: int) -> NDArray[np.float64]:
        means, present = average_tokens(data, list(ENCODERS), range(data.clips.items))
        score = score_mean_tokens(self.items, means, present, seed=seed).score
        return score[self.items.split == "test"]

    def _score_run(self, run: Path, data: TokenData, device: torch.device) -> NDArray[np.float64]:
        """Scores of the test items, as `evaluate` and `predict` give them."""
        loaded = load_run(run, device)
        opened = OpenRun(run=run, loaded=loaded, manifest=self.manifest, data=data, media=self.folder, shards=())
        predictions, _ = opened.score(np.flatnonzero(self.items.split == "test").tolist(), device=device)
        return predictions.score
