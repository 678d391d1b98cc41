"""The sync token and the head that says whether mouth and audio fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sync_tokens import add_sync

from unmask.train.config import TrainConfig
from unmask.train.data.sampler import Sampler
from unmask.train.fit import fit
from unmask.train.losses.fits import FITS, find_genuine
from unmask.train.models.detector import Detector
from unmask.train.run_folder import load_run, run_key
from unmask.train.run_setup import build_shape
from unmask.train.scoring import score_clips

CPU = torch.device("cpu")
NAMES = ("eye", "ear")
ALL = np.arange(4)


def build(data: Any, **settings: Any) -> Detector:
    config = TrainConfig(size="small", standardize=False, **settings)
    torch.manual_seed(0)
    return Detector(build_shape(data, config, NAMES, Sampler.of(data, NAMES, ALL, config))).eval()


@pytest.fixture
def data(make_data, made_item, tmp_path: Path) -> Any:
    items = [*(made_item(number % 2, {"eye": 4, "ear": 6}) for number in range(3)), made_item(0, {"eye": 2})]
    return add_sync(make_data(items), tmp_path / "sync", (0, 0, 10, 0))


@pytest.mark.parametrize("settings", [{"fusion": "parts"}, {"fusion": "joint"}, {"fusion": "joint", "lag": False}])
def test_the_joint_score_reads_the_curve_and_the_parts_do_not(data, settings):
    model = build(data, **settings)
    batch = data.batch(ALL, NAMES, device=CPU, sync=True)
    before = model(batch)
    torch.nn.init.constant_(model.sync.token[-1].bias, 3.0)
    after = model(batch)
    changed = (after.fake - before.fake).abs() > 1e-4
    assert changed.tolist() == [True, True, True, False], "a still image has no audio"
    if settings["fusion"] == "parts":
        assert torch.equal(after.video, before.video)
        assert torch.equal(after.audio.nan_to_num(), before.audio.nan_to_num())


def test_a_clip_without_a_curve_gets_nothing_from_it(make_data, made_item, tmp_path):
    items = [made_item(0, {"eye": 4, "ear": 6}), made_item(1, {"eye": 4, "ear": 6})]
    data = add_sync(make_data(items), tmp_path / "sync", (0, 0), length=8)  # too short to compare
    config = TrainConfig(size="small", standardize=False)
    model = Detector(build_shape(data, config, NAMES, Sampler.of(data, NAMES, np.arange(2), config))).eval()
    batch = data.batch(np.arange(2), NAMES, device=CPU, sync=True)
    assert not batch.sync.known_B.any()
    before = model(batch).fake
    torch.nn.init.constant_(model.sync.token[-1].bias, 3.0)
    assert torch.equal(model(batch).fake, before)


@pytest.mark.parametrize("settings", [{"sync": False}, {"fusion": "early"}, {"streams": NAMES}])
def test_models_that_do_not_use_it_have_no_sync_token(data, settings):
    assert build(data, **settings).sync is None


def test_the_head_learns_from_genuine_clips_alone(data):
    model = build(data)
    batch = data.batch(ALL, NAMES, device=CPU, sync=True)
    assert find_genuine(batch.host).tolist() == [True, False, True, False]
    assert FITS.count(batch, model) == 2
    swapped = data.batch(ALL, NAMES, device=CPU, sync=True, sources={"audio": np.array([2, 1, 2, 3])})
    assert find_genuine(swapped.host).tolist() == [False, False, True, False]
    optimizer = torch.optim.Adam(model.sync.parameters(), lr=0.02)
    losses = []
    for _ in range(60):
        loss = FITS.value(model(batch), batch, model, TrainConfig()) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[0] > 0.5
    assert losses[-1] < 0.1
    fits = torch.sigmoid(model.sync.judge(batch.sync.curve_BL[0]))
    late = torch.sigmoid(model.sync.judge(batch.sync.answer(np.array([0]))[1][0]))
    assert fits > 0.9
    assert late.max() < 0.5


def test_a_run_keeps_it_and_scores_the_same_afterwards(make_data, mixed, tmp_path: Path):
    plain = make_data(mixed(40))
    data = add_sync(plain, tmp_path / "sync", [0] * len(plain.clips))
    config = TrainConfig(size="small", epochs=2, ema=0.0)
    fit(data, config, tmp_path / "run", device=CPU)
    loaded = load_run(tmp_path / "run", CPU)
    assert loaded.model.sync is not None
    assert {"sync-image", "sync-audio"} <= set(loaded.info.streams)
    clips = data.select(loaded.info.shape.streams)
    scores = score_clips(loaded.model, data, clips, device=CPU).fake
    assert np.isfinite(scores).all()
    batches = [data.batch(np.array([clip]), loaded.info.shape.streams, device=CPU, sync=True) for clip in clips]
    with torch.no_grad():
        alone = [float(loaded.model(batch).fake[0]) for batch in batches]
    assert np.allclose(scores, alone, atol=1e-4)
    assert run_key(config, data) != run_key(config, plain)


def test_without_a_sync_encoder_its_settings_change_no_run(make_data, mixed):
    data = make_data(mixed(12))
    assert run_key(TrainConfig(), data) == run_key(TrainConfig(sync=False, fits_weight=0.5), data)
