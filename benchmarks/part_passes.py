"""What a training step of part fusion and of the lag token costs beside one of plain joint fusion, on the same clips.

Needs tokens: UNMASK_WORK=/path/to/work after `unmask scan, preprocess, extract`. On a GPU where there is one.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.figures import Figures, NotMeasured
from benchmarks.given_work import MISSING, open_given_work
from benchmarks.timing import in_turn
from unmask.train.data.batch import BOTH
from unmask.train.data.sampler import Portion
from unmask.train.fit import _batches
from unmask.train.optim.distributed import World
from unmask.train.optim.optimizer import autocast
from unmask.train.presets import make_preset
from unmask.train.run_setup import Setup, prepare

CLIPS, ROUNDS = 64, 15
WAYS = {
    "joint": {"fusion": "joint", "lag": False},
    "joint with lag token": {"fusion": "joint"},
    "parts": {"lag": False},
    "parts with lag token": {},
}
PARTS_AIM, LAG_AIM = 1.6, 1.05


BOTH_CLIPS, ONE_CLIPS = "clips with image and audio", "clips with one of both"


def main() -> str:
    found = _measure_steps()
    if found is None:
        return MISSING
    lines = []
    for about, seconds in found.items():
        ratios = ", ".join(f"{way} {taken / seconds['joint']:.2f}" for way, taken in seconds.items())
        lag = _compute_lag(seconds)
        lines.append(f"{about}: joint {seconds['joint'] * 1e3:.0f} ms; ratios {ratios}; lag token on parts {lag:.3f}")
    return "\n".join([*lines, f"aims: parts {PARTS_AIM} for clips with both, 1 for the others; lag token {LAG_AIM}"])


def measure() -> Figures:
    """Time of a step with part fusion relative to plain joint fusion, and what the lag token adds."""
    found = _measure_steps()
    if found is None:
        raise NotMeasured(MISSING)
    figures: Figures = {}
    if both := found.get(BOTH_CLIPS):
        figures |= {"both": both["parts with lag token"] / both["joint"], "lag": _compute_lag(both) - 1}
    if one := found.get(ONE_CLIPS):
        figures["one"] = one["parts with lag token"] / one["joint"]
    return figures


def _compute_lag(seconds: dict[str, float]) -> float:
    return seconds["parts with lag token"] / seconds["parts"]


def _measure_steps() -> dict[str, dict[str, float]] | None:
    """Kind of clips -> seconds of a step of each way; None without a work folder."""
    given = open_given_work()
    if given is None:
        return None
    _, _, data = given
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with tempfile.TemporaryDirectory() as name:
        setups = {
            way: prepare(data, make_preset("full").changed(settings), Path(name) / way, World(device), resume=False)
            for way, settings in WAYS.items()
        }
        return {about: _compare(setups, clips) for about, clips in _choose_clips(setups["joint"]).items()}


def _choose_clips(setup: Setup) -> dict[str, NDArray[np.int64]]:
    """CLIPS training clips with image and audio, and as many with one of both, each as often as it takes."""
    present = setup.sampler.lengths[setup.sampler.clips] > 0
    both = (present @ (1 << np.arange(present.shape[1])) & BOTH) == BOTH
    parts = {BOTH_CLIPS: both, ONE_CLIPS: ~both}
    return {about: np.resize(setup.sampler.clips[chosen], CLIPS) for about, chosen in parts.items() if chosen.any()}


def _compare(setups: dict[str, Setup], clips: NDArray[np.int64]) -> dict[str, float]:
    # The time of this process, not of the wall: other processes of a busy machine do not count.
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    return in_turn({way: _make_step(setup, clips) for way, setup in setups.items()}, ROUNDS, clock)


def _make_step(setup: Setup, clips: NDArray[np.int64]) -> Callable[[], None]:
    return partial(_take_step, setup, Portion(clips, {}))


def _take_step(setup: Setup, portion: Portion) -> None:
    """One optimizer step on the clips, its batch made too."""
    setup.model.train()
    device = setup.world.device
    batches = _batches(setup, [portion], device=device)
    counts_T = torch.from_numpy(setup.objective.count(batches, setup.model)).to(device)
    with autocast(setup.config, device):
        outputs = setup.model(batches[0], 0.1)
    setup.objective.compute(outputs, batches[0], counts_T, setup.model).total.backward()
    setup.optimizer.step()
    setup.optimizer.zero_grad(set_to_none=True)
    if device.type == "cuda":
        torch.cuda.synchronize()
