"""The training loop: it learns what is there, nothing that is not, and can be stopped anywhere."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from unmask.cache.adaptation.learning_rate import compute_lr
from unmask.core.errors import UsageError
from unmask.metrics.binary import auc
from unmask.train import fit as fit_module
from unmask.train.config import TrainConfig
from unmask.train.data.sampler import Sampler
from unmask.train.fit import fit, run_folder
from unmask.train.models.detector import Detector
from unmask.train.models.domain_discriminators import compute_ganin_strength
from unmask.train.presets import PRESETS, make_preset
from unmask.train.run_folder import INPUTS, load_run, load_state, read_metrics
from unmask.train.scoring import average_by_item, score_clips

CPU = torch.device("cpu")
QUICK = TrainConfig(size="small", epochs=4, batch_size=16, lr=2e-3, patience=4)


def weights(run: Path, name: str = "last.pth") -> dict[str, torch.Tensor]:
    state = load_state(run / name, CPU)
    return state["model"] if name == "last.pth" else state


def assert_same_bytes(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert list(one) == list(other)
    for name in one:
        assert one[name].numpy().tobytes() == other[name].numpy().tobytes(), name


def item_auc(run: Path, data, split: str) -> float:
    loaded = load_run(run, CPU)
    items = average_by_item(
        score_clips(loaded.model, data, data.select(loaded.info.shape.streams, split), device=CPU), data
    )
    return auc(data.clips.label[items.first], items.fake)


def test_32_clips_are_learned_by_heart(make_data, made_item, tmp_path: Path):
    lengths = {"eye": 4, "ear": 4}
    items = [made_item(n % 2, lengths, split=split, signal=0.0) for split in ("train", "val") for n in range(32)]
    data = make_data(items)
    plain = {"dropout": 0.0, "modality_dropout": 0.0}
    config = QUICK.model_copy(update={"epochs": 12, "patience": 12, "batch_size": 4, **plain})
    fit(data, config, tmp_path / "run", device=CPU)
    run = load_run(tmp_path / "run", CPU)
    run.model.load_state_dict(weights(tmp_path / "run"))  # the last epoch, not the best: validation is noise here
    train = data.select(run.info.shape.streams, "train")
    assert auc(data.clips.label[train], score_clips(run.model, data, train, device=CPU).fake) == 1.0


def test_a_signal_is_found_and_shuffled_labels_are_not(make_data, mixed, tmp_path: Path):
    real = mixed(240, signal=1.0)
    found = make_data(real)
    fit(found, QUICK, tmp_path / "real", device=CPU)
    assert item_auc(tmp_path / "real", found, "test") > 0.9
    # signal 0: the tokens know nothing of the label.
    noise = make_data([replace(item, signal=0.0) for item in real])
    fit(noise, QUICK, tmp_path / "noise", device=CPU)
    assert 0.25 < item_auc(tmp_path / "noise", noise, "test") < 0.75


def test_the_same_seed_gives_the_same_weights_and_another_does_not(make_data, mixed, tmp_path: Path):
    data = make_data(mixed(60))
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        fit(data, QUICK.model_copy(update={"seed": seed, "epochs": 2}), tmp_path / name, device=CPU)
    assert_same_bytes(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not torch.equal(weights(tmp_path / "a")["cls"], weights(tmp_path / "c")["cls"])


@pytest.mark.parametrize(("where", "ema"), [("validate", 0.0), ("save_state", 0.9), ("clip", 0.9)])
def test_a_killed_run_continues_to_the_weights_of_an_undisturbed_one(
    make_data, mixed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, ema: float
):
    data, config = make_data(mixed(60)), QUICK.model_copy(update={"ema": ema})
    fit(data, config, tmp_path / "whole", device=CPU)
    monkeypatch.setattr(fit_module, where, _dies_at(getattr(fit_module, where), call=8 if where == "clip" else 3))
    with pytest.raises(_KilledError):
        fit(data, config, tmp_path / "torn", device=CPU)
    monkeypatch.undo()
    _tiny(monkeypatch)
    torch.rand(3)  # nor does the state of the global generator matter
    summary = fit(data, config, tmp_path / "torn", device=CPU)
    for name in ("last.pth", "best_multimodal_all_datasets.pth"):
        assert_same_bytes(weights(tmp_path / "whole", name), weights(tmp_path / "torn", name))
    assert (summary.epochs, summary.reused) == (4, False)
    epochs = [json.loads(line)["epoch"] for line in (tmp_path / "torn" / "metrics.jsonl").read_text().splitlines()]
    assert epochs == [1, 2, 3, 4]
    assert load_run(tmp_path / "torn", CPU).info == load_run(tmp_path / "whole", CPU).info


class _KilledError(Exception):
    pass


def _dies_at(function, *, call: int, error: type[BaseException] = _KilledError):
    calls = 0

    def dying(*arguments, **named):
        nonlocal calls
        calls += 1
        if calls == call:
            raise error
        return function(*arguments, **named)

    return dying


def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """The autouse fixture's patch again: `undo` took it away too."""
    from unmask.train.auto_size import SIZES, Size

    monkeypatch.setitem(SIZES, "small", Size(layers=2, heads=2, width=32, feedforward=64, max_batch=64))


def test_ctrl_c_ends_gracefully_and_the_same_call_goes_on(make_data, mixed, tmp_path: Path, monkeypatch):
    data = make_data(mixed(60))
    with monkeypatch.context() as patch:
        patch.setattr(fit_module, "validate", _dies_at(fit_module.validate, call=2, error=KeyboardInterrupt))
        stopped = fit(data, QUICK, tmp_path / "run", device=CPU)
    assert (stopped.stopped, stopped.epochs, stopped.best_epoch) == (True, 1, 1)
    assert not (tmp_path / "run" / "summary.json").exists()
    assert load_run(tmp_path / "run", CPU).info.best_epoch == 1, "what there is can be used"
    assert fit(data, QUICK, tmp_path / "run", device=CPU).epochs == 4


def test_ctrl_c_before_the_first_epochs_end(make_data, mixed, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(fit_module, "validate", _dies_at(fit_module.validate, call=1, error=KeyboardInterrupt))
    stopped = fit(make_data(mixed(40)), QUICK, tmp_path / "run", device=CPU)
    assert (stopped.stopped, stopped.epochs, stopped.best_epoch, stopped.validation) == (True, 0, None, None)


def test_a_finished_run_is_reused_and_says_so(make_data, mixed, tmp_path: Path, caplog):
    data = make_data(mixed(40))
    run = run_folder(tmp_path, data, QUICK)
    first = fit(data, QUICK, run, device=CPU)
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in run.iterdir()}
    with caplog.at_level(logging.INFO, "unmask"):
        again = fit(data, QUICK, run, device=CPU)
    assert again == first.model_copy(update={"reused": True})
    assert "reused" in caplog.text
    after = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in run.iterdir()}
    del before["lock"], after["lock"]
    assert after.pop(INPUTS)[1] == before[INPUTS][1]  # its time says which run was asked for last
    assert after.items() < before.items()
    assert not fit(data, QUICK, run, device=CPU, resume=False).reused


def test_a_run_folder_of_other_inputs_is_not_overwritten(make_data, mixed, tmp_path: Path):
    data = make_data(mixed(40))
    fit(data, QUICK, tmp_path / "run", device=CPU)
    for settings, inputs in ((QUICK.model_copy(update={"lr": 1e-5}), data), (QUICK, make_data(mixed(44)))):
        with pytest.raises(UsageError, match="other settings or on other data"):
            fit(inputs, settings, tmp_path / "run", device=CPU)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_trains(make_data, mixed, tmp_path: Path, name: str):
    data = make_data(mixed(60))
    config = make_preset(name).model_copy(update={"epochs": 1})
    summary = fit(data, config, run_folder(tmp_path, data, config), device=CPU)
    assert Path(summary.run).name.startswith(f"{name}-s0-")
    run = load_run(Path(summary.run), CPU)
    assert run.config.preset == name
    assert run.config.batch_size == 16
    assert summary.validation is not None
    kinds = {"image-baseline": {"image"}, "audio-baseline": {"audio", "video"}, "video-baseline": {"video"}} | {
        "full-single-dataset": {"video"}
    }
    shown = set(data.clips.kind[data.select(run.info.shape.streams, "train", config=run.config)])
    assert shown == kinds.get(name, {"image", "audio", "video"})


def test_presets_begin_with_full_and_unknown_names_are_answered_with_the_list():
    assert next(iter(PRESETS)) == "full"
    assert len({made().model_dump_json() for made in PRESETS.values()}) == len(PRESETS) == 25
    with pytest.raises(UsageError, match="full-no-adversarial"):
        make_preset("fool")


def test_each_epoch_leaves_one_line_with_all_metrics(make_data, mixed, tmp_path: Path, caplog):
    data = make_data(mixed(80))
    with caplog.at_level(logging.INFO, "unmask"):
        fit(data, QUICK.model_copy(update={"selection": "best"}), tmp_path / "run", device=CPU)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert sum(message.startswith("epoch ") for message in caplog.messages) == 4
    for line in lines:
        pooled, rows = line["validation"]["pooled"], line["validation"]["domains"]
        assert {"accuracy", "precision", "recall", "f1", "auc"} <= set(pooled)
        assert set(rows) == set(data.clips.datasets)
        assert line["criterion"] == "calibrated_loss"
        assert 0 <= line["validation"]["domain_accuracy"] <= 1
        assert line["validation"]["domain_chance"] == pytest.approx(0.5), "only two datasets show the same modalities"
    losses = [line["validation"]["calibrated_loss"] for line in lines]
    assert lines[3]["deciding"] == pytest.approx(np.mean(losses[1:]))
    deciding = [line["deciding"] for line in lines]
    assert lines[-1]["best_epoch"] == deciding.index(min(deciding)) + 1
    assert list((tmp_path / "run").glob("events.out.tfevents.*"))
    reversals = [line["train"]["reversal"] for line in lines]
    assert reversals == sorted(reversals)


def test_early_stopping_waits_for_patience(make_data, mixed, tmp_path: Path, monkeypatch):
    data = make_data(mixed(40))
    measured = fit_module.validate
    flat = {"loss": 1.0, "calibrated_loss": 1.0}
    monkeypatch.setattr(fit_module, "validate", lambda *given, **named: replace(measured(*given, **named), **flat))
    summary = fit(
        data, QUICK.model_copy(update={"epochs": 9, "patience": 2, "selection": "best"}), tmp_path / "run", device=CPU
    )
    assert (summary.best_epoch, summary.epochs) == (1, 3)


def test_a_loss_that_clearly_rises_keeps_an_earlier_epoch_and_the_schedule_goes_on(
    make_data, mixed, tmp_path: Path, monkeypatch
):
    losses, measured = iter([0.5, 0.45, 0.4, 0.9, 0.9, 0.9]), fit_module.validate

    def validate(*given, **named):
        return replace(measured(*given, **named), calibrated_loss=next(losses), calibrated_error=0.1)

    monkeypatch.setattr(fit_module, "validate", validate)
    config = QUICK.model_copy(update={"epochs": 6, "patience": 1})
    summary = fit(make_data(mixed(40)), config, tmp_path / "run", device=CPU)
    assert (summary.best_epoch, summary.epochs) == (3, 6)
    assert load_run(tmp_path / "run", CPU).info.best_epoch == 3
    assert [line["best_epoch"] for line in read_metrics(tmp_path / "run")] == [1, 2, 3, 3, 3, 3]


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("no room"), RuntimeError("[...] DefaultCPUAllocator: can't allocate memory")]
)
def test_out_of_memory_names_the_setting(make_data, mixed, tmp_path: Path, monkeypatch, error: RuntimeError):
    def full(*_):
        raise error

    monkeypatch.setattr(Detector, "forward", full)
    with pytest.raises(UsageError, match=r"batch_size=8 --set train.accumulate=2"):
        fit(make_data(mixed(40)), QUICK, tmp_path / "run", device=CPU)


def test_a_loss_that_is_no_number_ends_the_run(make_data, mixed, tmp_path: Path):
    with pytest.raises(UsageError, match=r"train\.lr"):
        fit(make_data(mixed(40)), QUICK.model_copy(update={"lr": 1e30, "warmup": 0.0}), tmp_path / "run", device=CPU)


def test_datasets_with_one_class_are_named_and_have_no_macro(make_data, made_item, tmp_path: Path, caplog):
    items = [made_item(1, {"ear": 4}, "deepvoice", "audio", split) for split in ("train", "val") for _ in range(8)]
    items += [made_item(0, {"eye": 4}, "archive", "image", split) for split in ("train", "val") for _ in range(8)]
    summary = fit(make_data(items), QUICK, tmp_path / "run", device=CPU)
    assert summary.criterion == "steady_loss"
    assert summary.validation["macro"]["auc"] is None
    assert summary.validation["pooled"]["auc"] is not None
    assert "train: deepvoice has only one class" in caplog.text
    assert "only one class of archive, deepvoice" in caplog.text


def test_validation_of_one_class_can_not_judge(make_data, made_item, tmp_path: Path):
    items = [made_item(n % 2, {"eye": 4}) for n in range(16)] + [made_item(1, {"eye": 4}, split="val")] * 4
    summary = fit(make_data(items), QUICK, tmp_path / "run", device=CPU)
    assert summary.criterion == "last_epoch"
    assert (load_run(tmp_path / "run", CPU).info.threshold, summary.validation["temperature"]) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("splits", "labels", "problem"),
    [
        (("train",), (0, 1), "val split has no"),
        (("val",), (0, 1), "train split has no"),
        (("train", "val"), (1,), "one class"),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused(make_data, made_item, tmp_path: Path, splits, labels, problem):
    data = make_data([made_item(label, {"eye": 1}, split=split) for split in splits for label in labels])
    with pytest.raises(UsageError, match=problem):
        fit(data, QUICK, tmp_path / "run", device=CPU)


def test_every_step_has_the_learning_rate_and_the_reversal_of_its_place(make_data, mixed, tmp_path: Path, monkeypatch):
    reversals, rates = [], []
    forward, clipped = Detector.forward, fit_module.clip

    def watched(self, batch, reversal=0.0):
        if self.training:
            reversals.append(reversal)
        return forward(self, batch, reversal)

    def noted(*given):
        rates.append(setups[0].optimizer.param_groups[0]["lr"])
        clipped(*given)

    setups, prepared = [], fit_module.prepare
    monkeypatch.setattr(fit_module, "prepare", lambda *given: setups.append(prepared(*given)) or setups[0])
    monkeypatch.setattr(Detector, "forward", watched)
    monkeypatch.setattr(fit_module, "clip", noted)
    config = QUICK.model_copy(update={"epochs": 3, "patience": 3})
    fit(make_data(mixed(60)), config, tmp_path / "run", device=CPU)
    total = 3 * setups[0].steps
    places = (np.arange(total) + 0.5) / total
    assert rates == pytest.approx([compute_lr(config.lr, config.warmup, place) for place in places])
    assert reversals == pytest.approx([config.grl_max * compute_ganin_strength(place) for place in places])
    assert 0 < reversals[0] < reversals[-1] < config.grl_max


def test_a_step_that_ruins_the_weights_ends_the_run(make_data, mixed, tmp_path: Path, monkeypatch):
    """The last step of an epoch, of which no loss of this epoch knows."""
    stepped = torch.optim.AdamW.step
    data = make_data(mixed(40))
    names = data.choose_encoders(QUICK)
    steps = len(Sampler.of(data, names, data.select(names, "train"), QUICK).steps(1))
    taken = []

    def ruins(self, *given):
        stepped(self, *given)
        taken.append(None)
        if len(taken) == steps:
            self.param_groups[0]["params"][0].data.fill_(math.nan)

    monkeypatch.setattr(torch.optim.AdamW, "step", ruins)
    with pytest.raises(UsageError, match=r"train\.lr"):
        fit(data, QUICK, tmp_path / "run", device=CPU)
    assert len(taken) == steps


def test_the_learning_rate_rises_and_falls_to_nothing():
    config = TrainConfig(lr=1.0, warmup=0.1)
    assert [compute_lr(config.lr, config.warmup, p) for p in (0.0, 0.05, 0.1, 0.55, 1.0)] == pytest.approx(
        [0.0, 0.5, 1.0, 0.5, 0.0]
    )
    assert np.isfinite([compute_lr(config.lr, 0.0, p) for p in (0.0, 1.0)]).all()


@pytest.mark.parametrize(
    ("settings", "datasets", "told"),
    [
        ({"domain_loss": "dann"}, ("archive",), "domain_loss=dann does nothing"),
        ({"domain_loss": "none"}, ("archive",), ""),
        ({"domain_loss": "coral", "batch_size": 4}, ("archive", "dff"), "4 clips per batch are too few"),
        ({"domain_loss": "coral"}, ("archive", "dff"), ""),
        ({"supcon_weight": 0.1, "batch_size": 1}, ("archive", "dff"), "with batch_size=1 supcon_weight does nothing"),
        ({"paired": True}, ("archive", "dff"), "paired does nothing"),
        ({"logit_adjustment": 1.0}, ("archive", "dff"), "logit_adjustment does nothing"),
        ({"infonce_weight": 0.1}, ("archive", "dff"), "fewer than two real clips have image and audio"),
    ],
)
def test_a_loss_that_has_nothing_to_work_on_is_reported(
    make_data, made_item, tmp_path: Path, caplog, settings: dict, datasets: tuple[str, ...], told: str
):
    splits = ["train"] * 8 + ["val"] * 4
    items = [made_item(n % 2, {"eye": 1}, own, "image", split) for own in datasets for n, split in enumerate(splits)]
    with caplog.at_level("WARNING", logger="unmask"):
        fit(make_data(items), QUICK.changed({"epochs": 1} | settings), tmp_path / "run", device=CPU)
    assert told in caplog.text
    assert bool(told) == ("does nothing" in caplog.text or "too few" in caplog.text)


def test_calibrated_terms_are_part_of_the_run(make_data, mixed, tmp_path):
    data = make_data(mixed(60))
    config = QUICK.changed({"epochs": 1, "calibrate_terms": True})
    run = tmp_path / "run"
    fit(data, config, run, device=CPU)
    info = load_run(run, CPU).info
    assert {line.modality for line in info.terms} >= {"text"}, "text has the label of the clip"
    assert read_metrics(run)[0]["validation"]["terms"] == [
        asdict(line) | {"kinds": list(line.kinds)} for line in info.terms
    ]
    plain = tmp_path / "plain"
    fit(data, config.changed({"calibrate_terms": False}), plain, device=CPU)
    assert load_run(plain, CPU).info.terms == ()
