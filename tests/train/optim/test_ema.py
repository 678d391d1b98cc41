"""The average of the weights: what it holds, and that it is what is validated and kept."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from unmask.train.config import TrainConfig
from unmask.train.fit import fit
from unmask.train.optim.ema import compute_decay, update_average
from unmask.train.run_folder import load_state

CPU = torch.device("cpu")
QUICK = TrainConfig(size="small", epochs=2, batch_size=16, lr=2e-3, ema=0.0, selection="last")


def test_an_average_worked_by_hand():
    average, model = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    for module, value in ((average, 1.0), (model, 3.0)):
        torch.nn.init.constant_(module.weight, value)
    update_average(list(average.parameters()), list(model.parameters()), 0.75)
    assert average.weight.item() == 0.75 * 1 + 0.25 * 3
    assert model.weight.item() == 3


def test_the_first_steps_count_more_than_the_random_start():
    assert [compute_decay(0.99, step) for step in (0, 8, 10_000)] == pytest.approx([0.1, 0.5, 0.99])


def test_a_short_schedule_forgets_the_random_start():
    decays = [compute_decay(0.99, step) for step in range(1000)]
    assert math.prod(decays[:20]) < 1e-6, "share of the start after twenty steps"
    # Later: each step's weights count for a tenth of the steps so far, at most the hundred of the decay itself.
    lag = 0.0
    lags = [lag := decay * (lag + 1) for decay in decays]
    assert lags[199] == pytest.approx(200 / 10, rel=0.15)
    assert lags[999] < 99


def test_the_average_is_kept_and_the_training_is_the_same_without_it(make_data, mixed, tmp_path: Path):
    data = make_data(mixed(60))
    fit(data, QUICK, tmp_path / "plain", device=CPU)
    summary = fit(data, QUICK.model_copy(update={"ema": 0.9}), tmp_path / "ema", device=CPU)
    plain, ema = (load_state(tmp_path / name / "last.pth", CPU) for name in ("plain", "ema"))
    torch.testing.assert_close(ema["model"], plain["model"], rtol=0, atol=0)
    best = load_state(tmp_path / "ema" / "best_multimodal_all_datasets.pth", CPU)
    assert summary.best_epoch == QUICK.epochs
    torch.testing.assert_close(best, ema["average"], rtol=0, atol=0)
    assert not torch.equal(best["cls"], plain["model"]["cls"])
    assert plain["average"] == {}
