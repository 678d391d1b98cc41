"""Training on cached tokens: what the data path costs a step, how much of a batch is padding, and how much slower the
same run is with the encoders in the loop.

Needs tokens: UNMASK_WORK=/path/to/work after `unmask scan, preprocess, extract`. On a GPU where there is one.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.timing import in_turn
from cache.build import extract, open_streams
from core.workfolder import WorkFolder
from manifests.item import Manifest, read_manifest
from train.batch import Batch
from train.config import TrainConfig
from train.data import TokenData
from train.distributed import World
from train.fit import _train_epoch, fit
from train.presets import preset_config
from train.sampling import Portion, Sampler
from train.setup import Setup, prepare
from train.table import Board

EPOCHS, ROUNDS = 10, 5
STEP_AIM, PADDING_AIM, LOOP_AIM = 0.95, 0.10, 30


def main() -> str:
    given = os.environ.get("UNMASK_WORK")
    if not given:
        return "not measured: set UNMASK_WORK to a work folder with tokens"
    logging.getLogger("unmask").setLevel(logging.ERROR)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    work = WorkFolder(Path(given).absolute())
    manifest = read_manifest(work.manifest)
    streams = open_streams(work, manifest)
    data, config = TokenData.load(manifest, streams), preset_config("full")
    with tempfile.TemporaryDirectory() as name:
        setup = prepare(data, config, Path(name) / "run", World(device), resume=False)
        lines = [steps(setup, device), padding(setup)]
        if any(row.kind == "video" for row in manifest.rows()):
            lines.append(in_the_loop(work, manifest, data, config, Path(name), device))
    about = f"{len(setup.sampler.clips)} training clips, {setup.config.size}, batches of {setup.config.batch_size}"
    return "\n".join([f"on {device.type}: {about}", *lines])


def steps(setup: Setup, device: torch.device) -> str:
    """Epoch 1 again and again: its batches made as in training, or fixed beforehand.

    The same batches in both: their lengths differ, and a step on one of them would be cheaper or dearer than most.
    """
    drawn = setup.sampler.steps(1)
    made = {portion.number: _made(setup, portion, device) for portions in drawn for portion in portions}
    ready = _Ready(setup.data.streams, made, [0])
    fixed = replace(setup, sampler=_Drawn(setup.sampler, drawn), data=ready)  # type: ignore[arg-type]
    ways = {"data path": _epoch(setup, device), "fixed batches": _epoch(fixed, device)}
    taken = in_turn(ways, ROUNDS)
    path, fast = taken["data path"], taken["fixed batches"]
    return (
        f"{setup.steps / path:.2f} steps/s, {setup.steps / fast:.2f} with the same batches fixed: "
        f"{fast / path:.3f} of it (aim {STEP_AIM})"
    )


def padding(setup: Setup) -> str:
    """Slots of the batches of three epochs that hold no token; CLS counts as one."""
    batches = [
        _made(setup, portion, torch.device("cpu"))
        for epoch in (1, 2, 3)
        for portions in setup.sampler.steps(epoch)
        for portion in portions
    ]
    slots, used = sum(len(b) * b.slots for b in batches), sum(int(b.lengths.sum()) for b in batches)
    clips = np.concatenate([batch.clips for batch in batches])
    size = len(clips) // len(batches)
    unsorted = np.concatenate([batch.lengths.numpy() for batch in batches])
    plain = _as_drawn(unsorted[np.random.default_rng(0).permutation(len(unsorted))], size)
    return f"padding {1 - used / slots:.1%} of the slots (aim {PADDING_AIM:.0%}); in random batches {plain:.1%}"


def in_the_loop(
    work: WorkFolder, manifest: Manifest, data: TokenData, config: TrainConfig, folder: Path, device: torch.device
) -> str:
    """Two epochs are run, and one pass of the encoders over all clips; the run of EPOCHS is their sum."""
    fresh = WorkFolder(folder / "fresh")
    fresh.root.mkdir()
    (fresh.root / "media").symlink_to(work.media)
    profile = open_streams(work, manifest).profile
    began = time.perf_counter()
    extract(manifest, profile, fresh, device=device)
    encoding = time.perf_counter() - began
    summary = fit(data, config.model_copy(update={"epochs": 2}), folder / "cached", device=device, resume=False)
    names = data.chosen(config)
    seen = summary.train_clips + len(data.select(names, "val", config=config))
    epoch, encoded = summary.train_seconds / 2, encoding * seen / len(data.clips)
    return (
        f"{EPOCHS} epochs on cached tokens {EPOCHS * epoch:,.0f} s, with the encoders in the loop "
        f"{EPOCHS * (epoch + encoded):,.0f} s: {(epoch + encoded) / epoch:.0f} times (aim {LOOP_AIM}); "
        f"encoding once {encoding:,.0f} s"
    )


@dataclass(frozen=True)
class _Drawn:
    """A sampler whose steps were drawn beforehand."""

    sampler: Sampler
    drawn: list[list[Portion]]

    def steps(self, epoch: int) -> list[list[Portion]]:
        return self.drawn

    def dropout_seed(self, epoch: int, portion: Portion) -> int:
        return self.sampler.dropout_seed(epoch, portion)


@dataclass(frozen=True)
class _Ready:
    """Data whose batches were made beforehand, and are asked for in their order."""

    streams: dict[str, Any]
    batches: dict[int, Batch]
    asked: list[int]

    def batch(self, *given: Any, **named: Any) -> Batch:
        self.asked[0] += 1
        return self.batches[(self.asked[0] - 1) % len(self.batches)]


def _made(setup: Setup, portion: Portion, device: torch.device) -> Batch:
    names = setup.model.shape.streams
    return setup.data.batch(portion.clips, names, device=device, kept=portion.kept, views=portion.views)


def _epoch(setup: Setup, device: torch.device) -> Callable[[], None]:
    def run() -> None:
        _train_epoch(setup, 1, Board("bench", 1, setup.steps, 0))
        if device.type == "cuda":
            torch.cuda.synchronize()

    return run


def _as_drawn(lengths: NDArray[np.int64], size: int) -> float:
    """Share of padding in batches of `size` clips as they come."""
    batches = [lengths[start : start + size] for start in range(0, len(lengths), size)]
    return float(1 - lengths.sum() / sum(len(batch) * batch.max() for batch in batches))
