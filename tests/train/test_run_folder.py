"""The run folder and scores read back from it."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from read_faults import fail_reads, read_folder

from unmask.core.errors import MissingInput, UsageError, as_user_error
from unmask.core.file_lock import hold_lock
from unmask.core.files import sealed_files
from unmask.train.config import TrainConfig
from unmask.train.fit import fit
from unmask.train.run_choice import find_run, read_purpose
from unmask.train.run_folder import load_run, read_metrics, run_folder, save_state
from unmask.train.scoring import FEW, PADDING, SLOTS, average_by_item, compute_probability, cut, score_clips
from unmask.train.term_calibration import calibrate_terms

CPU = torch.device("cpu")
QUICK = TrainConfig(preset="quick", size="small", epochs=2, batch_size=16, lr=2e-3)


@pytest.fixture(scope="module")
def kept_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept") / "runs"


@pytest.fixture
def trained(make_data, mixed, tmp_path: Path, kept_runs: Path):
    """Data, and a finished run on them that the test may change: a copy of one that is trained once."""
    data = make_data(mixed(60))
    run = run_folder(tmp_path / "runs", data, QUICK)
    if not kept_runs.exists():
        fit(data, QUICK, kept_runs / run.name, device=CPU)
    shutil.copytree(kept_runs, run.parent)
    return data, run


def test_the_best_weights_are_a_plain_state_dict(trained):
    _, run = trained
    state = torch.load(run / "best_multimodal_all_datasets.pth", weights_only=True)
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    assert set(state) == set(load_run(run, CPU).model.state_dict())


def test_a_run_says_what_it_was_made_from(trained):
    data, run = trained
    info = load_run(run, CPU).info
    assert info.shape.streams == ("eye", "ear", "ear_two", "reader")
    assert set(info.streams) == set(info.shape.streams)
    assert info.streams["ear"].spec == data.streams["ear"].spec
    assert info.streams["ear"].fingerprint == data.streams["ear"].store.fingerprint
    assert info.shape.datasets == data.clips.datasets
    assert (info.split_hash, info.media, info.profile) == (data.split_hash, data.media, data.profile)
    assert 0 < info.threshold < 1
    config = sealed_files.read_json(run / "config.json")
    assert (config["size"], config["precision"], config["batch_size"]) == ("small", "fp32", 16)


def test_a_loaded_run_gives_the_validation_scores_it_was_chosen_by(trained):
    data, run = trained
    loaded = load_run(run, CPU)
    scores = score_clips(loaded.model, data, data.select(loaded.info.shape.streams, "val"), device=CPU)
    assert loaded.info.terms
    items = average_by_item(calibrate_terms(scores, loaded.model.terms, data.clips, loaded.info.terms), data)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    called = compute_probability(items.fake) >= 0.5
    expected = lines[loaded.info.best_epoch - 1]["validation"]["pooled"]["accuracy"]
    assert np.mean(called == (data.clips.label[items.first] == 1)) == pytest.approx(expected)


def test_a_run_of_an_earlier_version_opens_with_a_temperature_of_at_least_1(trained):
    _, run = trained
    about = sealed_files.read_json(run / "inputs.json")
    calibration = {"temperature": 0.5, "threshold": 0.9}
    earlier = {name: value for name, value in about.items() if name not in ("video_temperature", "audio_temperature")}
    (run / "inputs.json").write_text(json.dumps(earlier | calibration))
    info = load_run(run, CPU).info
    assert (info.temperature, info.video_temperature, info.audio_temperature) == (1.0, 1.0, 1.0)
    logit = np.linspace(-5, 5, 101)
    same = compute_probability(logit, 0.5) >= 0.9
    np.testing.assert_array_equal(compute_probability(logit, info.temperature) >= info.threshold, same)


def test_scores_do_not_depend_on_order_or_batch_size(trained):
    data, run = trained
    model = load_run(run, CPU).model
    clips = np.arange(20)
    once = score_clips(model, data, clips, device=CPU)
    backwards = score_clips(model, data, clips[::-1], device=CPU, batch_size=3)
    for field in ("fake", "video", "audio", "domain"):
        np.testing.assert_allclose(getattr(once, field), getattr(backwards, field)[::-1], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(once.pattern, backwards.pattern[::-1])


@given(lengths=st.lists(st.integers(1, 40_000), max_size=60), most=st.integers(1, 20))
def test_scores_are_made_in_batches_that_fit_and_hold_every_clip(lengths: list[int], most: int):
    slots = np.array(sorted(lengths), np.int64)
    parts = cut(slots, most)
    assert np.concatenate([np.arange(len(slots))[part] for part in parts] or [[]]).tolist() == list(range(len(slots)))
    for part in parts:
        taken, padded = slots[part], int(slots[part].max()) * len(slots[part])
        assert len(taken) == 1 or (len(taken) <= most and padded <= SLOTS)
        assert len(taken) <= FEW or taken.sum() >= (1 - PADDING) * padded


def test_an_item_is_the_mean_of_its_clips(trained, make_data, made_item):
    _, run = trained
    data = make_data([made_item(1, {"eye": 2}, clips=3), made_item(0, {"eye": 2, "ear": 3}), made_item(0, {"ear": 1})])
    scores = score_clips(load_run(run, CPU).model, data, np.array([4, 0, 1, 2, 3]), device=CPU)
    items = average_by_item(scores, data)
    assert (items.items.tolist(), items.clips.tolist()) == ([0, 1, 2], [3, 1, 1])
    assert data.clips.item[items.first].tolist() == [0, 1, 2]
    assert items.fake[0] == pytest.approx(scores.fake[1:4].mean(), rel=1e-5)
    assert np.isnan(items.audio).tolist() == [True, False, False]
    assert np.isnan(items.video).tolist() == [False, False, True]


def test_no_clips_give_no_scores(trained):
    data, run = trained
    scores = score_clips(load_run(run, CPU).model, data, np.zeros(0, np.int64), device=CPU)
    assert (len(scores.fake), len(average_by_item(scores, data).items)) == (0, 0)


def test_the_newest_run_is_found(trained, tmp_path: Path):
    _, run = trained
    older = tmp_path / "runs" / "older"
    older.mkdir()
    (older / "inputs.json").write_text("{}")
    os.utime(older / "inputs.json", (1, 1))
    assert find_run(tmp_path / "runs", None) == run
    assert find_run(tmp_path / "runs", older) == find_run(tmp_path / "runs", "older") == older
    for missing in ((tmp_path / "nowhere", None), (tmp_path / "runs", tmp_path / "runs" / "absent")):
        with pytest.raises(MissingInput, match="unmask train"):
            find_run(*missing)


@pytest.mark.parametrize(
    ("file", "content"),
    [("inputs.json", "{}"), ("inputs.json", "no json"), ("best_multimodal_all_datasets.pth", "no weights")],
)
def test_a_damaged_run_is_refused_with_a_remedy(trained, file: str, content: str):
    _, run = trained
    (run / file).write_text(content)
    with pytest.raises(MissingInput, match="unmask train"):
        load_run(run, CPU)


def test_the_name_of_a_run_follows_settings_and_data(trained, make_data, mixed, tmp_path: Path):
    data, run = trained
    assert run.name.startswith("quick-s0-")
    assert run_folder(tmp_path / "runs", data, QUICK) == run
    other = QUICK.model_copy(update={"lr": 1e-5})
    assert run_folder(tmp_path / "runs", data, other) != run
    assert run_folder(tmp_path / "runs", make_data(mixed(64)), QUICK) != run


def _broken(run: Path, name: str, how: str) -> None:
    path = run / name
    match how:
        case "gone":
            path.unlink()
        case "torn":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        case "empty object":
            path.write_text("{}")


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("how", ["gone", "torn", "empty object"])
@pytest.mark.parametrize("name", ["best_multimodal_all_datasets.pth", "inputs.json", "last.pth", "metrics.jsonl"])
def test_training_again_mends_a_damaged_run(trained, tmp_path: Path, name: str, how: str, finished: bool):
    data, run = trained
    whole = {path.name: path.read_bytes() for path in run.glob("*.pth")}
    if not finished:
        (run / "summary.json").unlink()
    _broken(run, name, how)
    summary = fit(data, QUICK, run, device=CPU)
    assert summary.epochs == 2
    assert load_run(run, CPU).info.best_epoch == summary.best_epoch
    for path in run.glob("*.pth"):
        if not (finished and path.name == name == "last.pth" and summary.reused):
            assert path.read_bytes() == whole[path.name], f"{path.name}: the same bytes"


OF_RUN = ("best_multimodal_all_datasets.pth", "inputs.json", "config.json", "summary.json", "metrics.jsonl")


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO])
@pytest.mark.parametrize("name", OF_RUN)
def test_a_finished_run_that_the_disk_does_not_give_is_not_trained_anew(trained, name: str, number: int):
    data, run = trained
    whole = read_folder(run)
    with pytest.MonkeyPatch.context() as patch:
        asked = fail_reads(patch, name, number)
        with pytest.raises(OSError, match=os.strerror(number)) as failed:
            fit(data, QUICK, run, device=CPU)
    assert asked == [str(run / name)]
    assert getattr(as_user_error(failed.value), "exit_code", None) == 4
    assert read_folder(run) == whole
    assert fit(data, QUICK, run, device=CPU).reused


@pytest.mark.parametrize("name", OF_RUN)
def test_a_flipped_bit_in_a_finished_run_is_mended_by_training_again(trained, name: str):
    data, run = trained
    whole = read_folder(run)
    content = bytearray(whole[name])
    content[len(content) // 2] ^= 1
    (run / name).write_bytes(content)
    if name != "summary.json":
        with pytest.raises(MissingInput, match=f"{name}: damaged since it was written"):
            read_metrics(run) if name == "metrics.jsonl" else load_run(run, CPU)
    summary = fit(data, QUICK, run, device=CPU)
    assert (summary.reused, summary.epochs) == (False, 2)
    load_run(run, CPU)
    assert fit(data, QUICK, run, device=CPU).reused
    for same in ("best_multimodal_all_datasets.pth", "inputs.json", "config.json"):
        assert (run / same).read_bytes() == whole[same]


def test_what_a_training_replaces_is_removed_when_its_successor_is_whole(trained, monkeypatch):
    data, run = trained
    (run / "evaluation.json").write_text("{}")
    whole = {name: content for name, content in read_folder(run).items() if name != "lock"}

    def stop(*_: object) -> None:
        raise UsageError("killed before the first epoch", "")

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr("unmask.train.fit._train_epoch", stop)
            with pytest.raises(UsageError, match="killed"):
                fit(data, QUICK, run, device=CPU, resume=False)
        assert {name: (run / "earlier" / name).read_bytes() for name in whole} == whole
        assert not (run / "summary.json").exists()
    fit(data, QUICK, run, device=CPU, resume=False)
    assert not (run / "earlier").exists()
    assert not (run / "evaluation.json").exists()


def test_weights_of_another_epoch_than_their_calibration_are_refused(trained):
    """A training that is killed between the two files leaves them so."""
    data, run = trained
    state = torch.load(run / "last.pth", weights_only=True)["model"]
    save_state(run / "best_multimodal_all_datasets.pth", {name: tensor + 1 for name, tensor in state.items()})
    with pytest.raises(MissingInput, match=r"weights of another epoch than inputs\.json"):
        load_run(run, CPU)
    assert not fit(data, QUICK, run, device=CPU).reused
    load_run(run, CPU)


def test_a_torn_summary_is_written_anew(trained):
    data, run = trained
    for text in ("{}", "[]", "{"):
        (run / "summary.json").write_text(text)
        assert fit(data, QUICK, run, device=CPU).epochs == 2
        assert json.loads((run / "summary.json").read_text())["epochs"] == 2


def test_two_trainings_of_one_run_keep_apart(trained):
    data, run = trained
    with hold_lock(run / "lock", "a test"), pytest.raises(UsageError, match="another training"):
        fit(data, QUICK, run, device=CPU)


def test_a_control_is_not_taken_for_the_newest_model(trained, caplog):
    data, run = trained
    control = QUICK.changed({"shuffle_labels": True})
    shuffled = run_folder(run.parent, data, control)
    assert shuffled.name.startswith("quick-shuffled-s0-")
    fit(data, control, shuffled, device=CPU)
    assert find_run(run.parent, None) == run
    assert find_run(run.parent, shuffled) == shuffled
    with caplog.at_level("WARNING", logger="unmask"):
        load_run(shuffled, CPU)
    assert "shuffled labels" in caplog.text


def test_runs_in_the_table_of_an_earlier_version_are_of_its_ablation(tmp_path: Path):
    for name, changed in {"full-s0-1": 1e9, "full-s1-2": 2e9, "full-s2-3": 4e9}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "inputs.json").write_text("{}")
        os.utime(tmp_path / name / "inputs.json", (changed, changed))
    table = tmp_path / "ablation.json"
    table.write_text(json.dumps({"rows": [{"runs": ["full-s1-2"]}, {"runs": ["full-s2-3"]}]}))
    os.utime(table, (3e9, 3e9))
    assert [read_purpose(run) for run in sorted(tmp_path.glob("full*"))] == ["train", "ablation", "train"]
    (tmp_path / "full-s2-3/inputs.json").unlink()
    assert find_run(tmp_path, None).name == "full-s0-1"
    for damaged in ("[]", '{"rows": 3}', '{"rows": [3, {}]}', '{"rows": [{"runs": 3}]}', "no json"):
        table.write_text(damaged)
        os.utime(table, (3e9, 3e9))
        assert read_purpose(tmp_path / "full-s1-2") == "train"


def test_a_run_of_an_ablation_is_taken_only_by_its_name(trained, tmp_path: Path):
    data, run = trained
    row = QUICK.changed({"seed": 5})
    other = run_folder(run.parent, data, row)
    fit(data, row, other, device=CPU, purpose="ablation")
    fit(data, QUICK, run, device=CPU, purpose="ablation")
    assert (read_purpose(other), read_purpose(run)) == ("ablation", "train")
    assert find_run(run.parent, None) == run, "an ablation that reuses a run does not change what it is for"
    assert find_run(run.parent, other.name) == other
    shutil.copytree(other, tmp_path / "alone" / other.name)
    with pytest.raises(MissingInput, match=f"only runs of ablations.*\n.*--run: {other.name}"):
        find_run(tmp_path / "alone", None)
    with pytest.raises(MissingInput, match=f"did you mean {other.name}"):
        find_run(tmp_path / "alone", other.name[:-1])
    fit(data, row, other, device=CPU)
    assert find_run(run.parent, None) == other, "asked for by itself"


@pytest.mark.parametrize("name", ["../evil", "a/b", " ", "", "-x"])
def test_the_name_of_a_preset_is_no_path(name: str):
    with pytest.raises(UsageError, match="preset"):
        QUICK.changed({"preset": name})
