"""Training on cached tokens: what the data path costs a step, how much of a batch is padding, and how much slower the
same run is with the encoders in the loop (in_loop.py).

Needs tokens: UNMASK_WORK=/path/to/work after `unmask scan, preprocess, extract`. On a GPU where there is one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.figures import Figures, NotMeasured
from benchmarks.given_work import MISSING, open_given_work
from benchmarks.in_loop import EPOCHS, in_the_loop, measure_in_loop
from benchmarks.timing import in_turn
from unmask.train.data.batch import Batch
from unmask.train.data.sampler import Portion, Sampler
from unmask.train.fit import _train_epoch
from unmask.train.monitor.live_table import Board
from unmask.train.optim.distributed import World
from unmask.train.presets import make_preset
from unmask.train.run_setup import Setup, prepare

# Of an epoch's steps so many are timed, each ROUNDS times. On a GPU more: the first one's batch is not made ahead.
STEPS = {"cpu": 16, "cuda": 100}
ROUNDS = 15
STEP_AIM, PADDING_AIM = 0.95, 0.10


def main() -> str:
    given = open_given_work()
    if given is None:
        return MISSING
    work, manifest, data = given
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    config = make_preset("full")
    with tempfile.TemporaryDirectory() as name:
        setup = prepare(data, config, Path(name) / "run", World(device), resume=False)
        lines = [steps(setup, device), padding(setup)]
        if any(row.kind == "video" for row in manifest.rows()):
            lines.append(in_the_loop(work, manifest, config, Path(name), device))
    where = "a GPU" if device.type == "cuda" else f"a CPU, {torch.get_num_threads()} threads"
    about = f"{len(setup.sampler.clips)} training clips, {setup.config.size}, batches of {setup.config.batch_size}"
    return "\n".join([f"on {where}: {about}", *lines])


def measure() -> Figures:
    """Of the training on the tokens of UNMASK_WORK; the encoders in the loop where there are videos."""
    given = open_given_work()
    if given is None:
        raise NotMeasured(MISSING)
    work, manifest, data = given
    device, config = torch.device("cuda" if torch.cuda.is_available() else "cpu"), make_preset("full")
    with tempfile.TemporaryDirectory() as name:
        setup = prepare(data, config, Path(name) / "run", World(device), resume=False)
        made, fixed, _ = measure_steps(setup, device)
        figures = {"data path": fixed / made, "padding": measure_padding(setup)[0]}
        # Of the scale model.
        figures[f"{device.type} clips/s"] = setup.config.batch_size / made
        if any(row.kind == "video" for row in manifest.rows()):
            cached, taken, _ = measure_in_loop(work, manifest, config, Path(name), device)
            figures |= {name: EPOCHS * epoch[0] / cached[0] for name, epoch in taken.items()}
    return figures


def steps(setup: Setup, device: torch.device) -> str:
    made, fixed, alone = measure_steps(setup, device)
    return (
        f"{1 / made:.2f} steps/s, {1 / fixed:.2f} with the same batches fixed: {fixed / made:.3f} of it (aim "
        f"{STEP_AIM}); drawing and making a step's batches alone takes {alone / made:.1%} of its time"
    )


def measure_steps(setup: Setup, device: torch.device) -> tuple[float, float, float]:
    """Seconds of a step with its batches made, of one with its batches fixed, and of making them alone.

    Steps of epoch 1 again and again; drawing is part of the first and the last. The same batches in all: their lengths
    differ, and a step on one of them would be cheaper or dearer than most.
    """
    drawn = setup.sampler.steps(1)
    draw = in_turn({"draw": partial(setup.sampler.steps, 1)}, ROUNDS)["draw"] / len(drawn)
    some = drawn[: STEPS[device.type]]
    # Step by step, so that a slow moment meets all ways alike. A GPU gets them in a row: the next one's batch is made
    # while it works.
    parts = [[step] for step in some] if device.type == "cpu" else [some]
    timed = [in_turn(_ways(setup, part, device), ROUNDS) for part in parts]
    made, fixed, alone = (sum(one[way] for one in timed) / len(some) for way in ("made", "fixed", "alone"))
    return made + draw, fixed, alone + draw


def padding(setup: Setup) -> str:
    share, plain = measure_padding(setup)
    return f"padding {share:.1%} of the slots (aim {PADDING_AIM:.0%}); in random batches {plain:.1%}"


def measure_padding(setup: Setup) -> tuple[float, float]:
    """Share of the slots of three epochs' batches without a token, CLS counting as one; that of random batches."""
    batches = [
        _made(setup, portion, torch.device("cpu"))
        for epoch in (1, 2, 3)
        for portions in setup.sampler.steps(epoch)
        for portion in portions
    ]
    slots, used = sum(len(b) * b.slots for b in batches), sum(int(b.lengths.sum()) for b in batches)
    unsorted = np.concatenate([batch.lengths.numpy() for batch in batches])
    size = len(unsorted) // len(batches)
    plain = _as_drawn(unsorted[np.random.default_rng(0).permutation(len(unsorted))], size)
    return 1 - used / slots, plain


def _ways(setup: Setup, part: list[list[Portion]], device: torch.device) -> dict[str, Callable[[], None]]:
    portions = [portion for step in part for portion in step]
    ready = _Ready(setup.data.streams, [_made(setup, portion, device) for portion in portions], [0])
    short = replace(setup, sampler=Drawn(setup.sampler, part))  # type: ignore[arg-type]
    fixed = replace(short, data=ready)  # type: ignore[arg-type]

    def batches() -> None:
        for portion in portions:
            _made(setup, portion, device)
        _finish(device)

    return {"made": partial(_train, short), "fixed": partial(_train, fixed), "alone": batches}


@dataclass(frozen=True)
class Drawn:
    """A sampler that has drawn its steps: an epoch of those alone."""

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
    batches: list[Batch]
    asked: list[int]

    def batch(self, *given: Any, **named: Any) -> Batch:
        self.asked[0] += 1
        return self.batches[(self.asked[0] - 1) % len(self.batches)]


def _made(setup: Setup, portion: Portion, device: torch.device) -> Batch:
    names = setup.model.shape.streams
    return setup.data.batch(
        portion.clips,
        names,
        device=device,
        kept=portion.kept,
        views=portion.views,
        mixtures=setup.model.mixtures,
        sync=setup.model.sync is not None,
    )


def _train(setup: Setup) -> None:
    _train_epoch(setup, 1, Board("bench", 1, setup.steps, 0))
    _finish(setup.world.device)


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def _as_drawn(lengths: NDArray[np.int64], size: int) -> float:
    """Share of padding in batches of `size` clips as they come."""
    batches = [lengths[start : start + size] for start in range(0, len(lengths), size)]
    return float(1 - lengths.sum() / sum(len(batch) * batch.max() for batch in batches))
