"""Benchmarks at tiny sizes return figures of the names that the goals ask for. None is compared with its goal."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from benchmarks import (
    checking,
    disk_training,
    encode,
    gather,
    load,
    opening,
    part_passes,
    preprocess,
    splits,
    stage,
    workflows,
)
from benchmarks.figures import Figures, NotMeasured
from benchmarks.goals.registry import MEASUREMENTS

GOALS = {one.name: {goal.figure for goal in one.goals} for one in MEASUREMENTS}


def measure_gather(monkeypatch) -> Figures:
    monkeypatch.setattr(gather, "CLIPS", 300)
    return gather.measure()


def measure_load(monkeypatch) -> Figures:
    monkeypatch.setattr(load, "CLIPS", 300)
    return load.measure()


def measure_splits(monkeypatch) -> Figures:
    monkeypatch.setattr(splits, "SIZES", (300,))
    return splits.measure_goals()


def measure_encode(monkeypatch) -> Figures:
    monkeypatch.setattr(
        encode, "measure_rates", lambda device: {name: encode.Rates(1.0, 2.0) for name in encode.ENCODERS}
    )
    return encode.measure_on_cpu()


TINY: dict[str, Callable[[pytest.MonkeyPatch], Figures]] = {
    "gather": measure_gather,
    "load": measure_load,
    "splits": measure_splits,
    "encode-cpu": measure_encode,
    "opening": lambda _: opening.measure(400, 4),
    "disk-training": lambda _: disk_training.measure(300, 1),
    "checking": lambda _: checking.measure(5),
    "import": lambda _: workflows.measure_import(),
}


@pytest.mark.parametrize("name", TINY)
def test_a_benchmark_returns_the_figures_of_its_goals(name: str, monkeypatch: pytest.MonkeyPatch):
    figures = TINY[name](monkeypatch)
    assert figures.keys() >= GOALS[name]
    assert all(math.isfinite(figure) and figure > 0 for figure in figures.values())


@pytest.mark.parametrize("measure", [preprocess.measure, stage.measure, part_passes.measure, workflows.measure_probe])
def test_without_media_nothing_is_measured(measure: Callable[[], Figures], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("UNMASK_CORPUS", raising=False)
    monkeypatch.delenv("UNMASK_WORK", raising=False)
    with pytest.raises(NotMeasured, match="set UNMASK"):
        measure()
