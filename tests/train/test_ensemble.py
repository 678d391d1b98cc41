"""An ensemble: several seeds of one system, whose mean logit is calibrated and kept as a run of its own."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from unmask.core.errors import MissingInput, UsageError
from unmask.core.files import sealed_files
from unmask.train import fit as fit_module
from unmask.train.config import TrainConfig
from unmask.train.ensemble import average_scores, fit_ensemble, score_run
from unmask.train.fit import fit
from unmask.train.run_choice import find_run, read_purpose
from unmask.train.run_folder import load_run, run_folder
from unmask.train.scoring import ClipScores, average_by_item
from unmask.train.validation import fit_calibration

CPU = torch.device("cpu")
QUICK = TrainConfig(preset="quick", size="small", epochs=1, batch_size=16, lr=2e-3)


@pytest.fixture
def data(make_data, mixed):
    return make_data(mixed(48))


def test_the_logit_of_an_ensemble_is_the_mean_of_its_members_calibrated_once(data, tmp_path: Path):
    summary = fit_ensemble(data, QUICK, 2, tmp_path, device=CPU)
    loaded = load_run(Path(summary.run), CPU)
    assert [one.config.seed for one in loaded.members] == [0, 1]
    clips = data.select(loaded.info.shape.streams, "val")
    scores = score_run(loaded, data, clips, device=CPU)
    own = [score_run(one, data, clips, device=CPU).fake for one in loaded.members]
    np.testing.assert_allclose(scores.fake, np.mean(own, axis=0), rtol=1e-5)
    assert not np.allclose(own[0], own[1]), "two seeds are two models"
    items = average_by_item(scores, data)
    calibration = fit_calibration(data.clips.label[items.first] == 1, items)
    assert (loaded.info.temperature, loaded.info.threshold) == pytest.approx(calibration)
    assert summary.members == summary.epochs == 2
    assert summary.parameters == 2 * sum(one.numel() for one in loaded.model.parameters())
    assert summary.validation["items"] == len(items.items)


def test_members_are_runs_that_are_reused_and_not_taken_by_themselves(data, tmp_path: Path):
    earlier = run_folder(tmp_path, data, QUICK)
    fit(data, QUICK, earlier, device=CPU)
    weights = (earlier / "best_multimodal_all_datasets.pth").stat().st_mtime_ns
    ensemble = Path(fit_ensemble(data, QUICK, 2, tmp_path, device=CPU).run)
    assert ensemble.name.startswith("quick-ensemble2-s0-")
    assert (earlier / "best_multimodal_all_datasets.pth").stat().st_mtime_ns == weights
    other = run_folder(tmp_path, data, QUICK.changed({"seed": 1}))
    assert [read_purpose(run) for run in (earlier, other, ensemble)] == ["train", "member", "train"]
    assert find_run(tmp_path, None) == ensemble
    assert fit_ensemble(data, QUICK, 2, tmp_path, device=CPU).reused
    fit(data, QUICK, earlier, device=CPU)
    assert find_run(tmp_path, None) == earlier
    fit_ensemble(data, QUICK, 2, tmp_path, device=CPU)
    assert find_run(tmp_path, None) == ensemble, "the one asked for last"
    shutil.rmtree(ensemble)
    shutil.rmtree(earlier)
    with pytest.raises(MissingInput, match="only runs of ablations, members of ensembles and controls"):
        find_run(tmp_path, None)


def test_a_member_that_is_gone_or_changed_is_refused_until_the_ensemble_is_made_anew(data, tmp_path: Path):
    ensemble = Path(fit_ensemble(data, QUICK, 2, tmp_path, device=CPU).run)
    before = (ensemble / "inputs.json").read_bytes()
    (ensemble / "evaluation.json").write_text("{}")
    member = run_folder(tmp_path, data, QUICK)
    about = sealed_files.read_json(member / "inputs.json")
    (member / "inputs.json").write_text(json.dumps(about | {"threshold": 0.25}))
    with pytest.raises(MissingInput, match=f"its member {member.name} was trained anew since\nhint: unmask train"):
        load_run(ensemble, CPU)
    assert not fit_ensemble(data, QUICK, 2, tmp_path, device=CPU).reused
    assert load_run(ensemble, CPU).members[0].info.threshold == 0.25
    assert not (ensemble / "evaluation.json").exists(), "it was of other scores"
    shutil.rmtree(member)
    with pytest.raises(MissingInput, match=f"its member {member.name} is gone or damaged\nhint: .*--ensemble 2"):
        load_run(ensemble, CPU)
    fit_ensemble(data, QUICK, 2, tmp_path, device=CPU)
    assert (ensemble / "inputs.json").read_bytes() == before, "the same member is trained again"


def test_an_ensemble_moves_with_its_members(data, tmp_path: Path):
    ensemble = Path(fit_ensemble(data, QUICK, 2, tmp_path / "runs", device=CPU).run)
    moved = (tmp_path / "runs").rename(tmp_path / "elsewhere") / ensemble.name
    assert len(load_run(moved, CPU).members) == 2
    alone = Path(shutil.copytree(moved, tmp_path / "alone" / ensemble.name))
    with pytest.raises(MissingInput, match="is gone"):
        load_run(alone, CPU)


def test_a_stopped_ensemble_goes_on_with_the_member_it_was_at(data, tmp_path: Path, monkeypatch):
    validate, calls = fit_module.validate, []

    def stops(*given, **named):
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return validate(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(fit_module, "validate", stops)
        stopped = fit_ensemble(data, QUICK, 2, tmp_path, device=CPU)
    assert (stopped.stopped, Path(stopped.run).exists()) == (True, False)
    assert fit_ensemble(data, QUICK, 2, tmp_path, device=CPU).members == 2


def test_scores_of_parts_that_no_member_has_stay_unknown():
    clips = np.arange(2)
    one = ClipScores(
        clips=clips,
        fake=np.float32([1, 2]),
        video=np.float32([np.nan, 4]),
        audio=np.float32([0, np.nan]),
        domain=np.float32([[-np.inf], [1]]),
        pattern=np.array([2, 1]),
        terms=np.zeros((2, 0), np.float32),
        givers=np.stack([clips] * 4, axis=1),
    )
    mean = average_scores([one, replace(one, fake=np.float32([3, 0]), video=np.float32([np.nan, 0]))])
    np.testing.assert_array_equal(mean.fake, [2, 1])
    np.testing.assert_array_equal(mean.video, [np.nan, 2])
    np.testing.assert_array_equal(mean.domain, [[-np.inf], [1]])
    np.testing.assert_array_equal(mean.pattern, one.pattern)


def test_what_is_no_ensemble_is_refused(data, tmp_path: Path):
    with pytest.raises(UsageError, match="at least 2 members"):
        fit_ensemble(data, QUICK, 1, tmp_path, device=CPU)
    with pytest.raises(UsageError, match="a control is not an ensemble"):
        fit_ensemble(data, QUICK.changed({"shuffle_labels": True}), 2, tmp_path, device=CPU)
