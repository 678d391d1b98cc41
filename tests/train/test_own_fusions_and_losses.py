"""The guides to own losses and fusions, executed; and what a run keeps of the code it was trained with."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest
import torch
from guides import code_blocks, execute_block

from unmask.core.errors import MissingInput, UsageError
from unmask.core.files import sealed_files
from unmask.train.config import TrainConfig
from unmask.train.fit import fit
from unmask.train.losses import objective
from unmask.train.losses.objective import LOSS_TERMS, Objective
from unmask.train.models.fusions import FUSIONS, load_fusion
from unmask.train.run_folder import INPUTS, load_run, run_folder, run_key

CPU = torch.device("cpu")
QUICK = TrainConfig(preset="quick", size="small", epochs=1, batch_size=16, lr=2e-3)
OUTSIDE_LOSS, REGISTERED_LOSS, BUILT_IN_LOSS = code_blocks("add-a-loss.md")
OUTSIDE_FUSION, REGISTERED_FUSION = code_blocks("add-a-fusion.md")


@pytest.fixture
def own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """write(name, code): a module in the current folder; forget(name): as in a new process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    names = []

    def write(name: str, code: str) -> Path:
        names.append(name)
        forget(name)
        path = tmp_path / f"{name}.py"
        path.write_text(code)
        return path

    def forget(name: str) -> None:
        sys.modules.pop(name, None)
        importlib.invalidate_caches()

    write.forget = forget
    yield write
    for name in names:
        sys.modules.pop(name, None)


def _train_columns(run: Path) -> dict[str, float]:
    return json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["train"]


def test_a_loss_of_the_users_own_module_is_trained_and_logged(own_code, make_data, mixed, tmp_path: Path, caplog):
    own_code("my_losses", OUTSIDE_LOSS)
    config = QUICK.changed({"extra_losses": {"my_losses:confidence": 0.1}})
    data = make_data(mixed(60))
    with caplog.at_level("INFO", "unmask"):
        fit(data, config, tmp_path / "run", device=CPU)
    columns = _train_columns(tmp_path / "run")
    assert -0.7 < columns["confidence"] < 0
    parts = columns["fake"] + 0.3 * (columns["video"] + columns["audio"] + columns["joint"]) + columns["domain"]
    assert f"confidence {columns['confidence']:.3f} | decides" in caplog.text
    assert columns["total"] == pytest.approx(parts + 0.1 * columns["confidence"], rel=1e-4)
    own_code.forget("my_losses")
    (tmp_path / "my_losses.py").unlink()
    assert load_run(tmp_path / "run", CPU).config == config.model_copy(
        update={"precision": "fp32", "batch_size": 16, "size": "small"}
    ), "a trained model does not need its losses"


def test_a_registered_loss_is_trained_and_logged(make_data, mixed, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(objective, "LOSS_TERMS", LOSS_TERMS[:])
    before = run_key(QUICK, data := make_data(mixed(40)))
    monkeypatch.setattr("unmask.train.extensions.LOSS_TERMS", objective.LOSS_TERMS)
    execute_block(REGISTERED_LOSS, "notebook")
    assert len(objective.LOSS_TERMS) == len(LOSS_TERMS) + 1
    fit(data, QUICK, tmp_path / "run", device=CPU)
    assert _train_columns(tmp_path / "run")["feature_norm"] > 0
    assert run_key(QUICK, data) != before


def test_a_term_of_the_repository_counts_its_clips_over_the_whole_step(
    make_data, made_item, tmp_path: Path, monkeypatch
):
    term = execute_block(BUILT_IN_LOSS, "consistency").CONSISTENCY
    monkeypatch.setattr(objective, "LOSS_TERMS", [*LOSS_TERMS, term])
    both, image = {"eye": 2, "ear": 2}, {"eye": 2}
    items = [
        made_item(n % 2, both if n % 3 else image, split=split, video_fake=bool(n % 2), audio_fake=False)
        for split in ("train", "val")
        for n in range(24)
    ]
    fit(make_data(items), QUICK.changed({"accumulate": 2}), tmp_path / "run", device=CPU)
    assert _train_columns(tmp_path / "run")["consistency"] > 0


def test_a_fusion_of_the_users_own_module_is_trained_and_opened_again(own_code, make_data, mixed, tmp_path: Path):
    path = own_code("my_fusions", OUTSIDE_FUSION)
    config = QUICK.changed({"fusion": "my_fusions:AttentionPooling"})
    data = make_data(mixed(60))
    run = run_folder(tmp_path / "runs", data, config)
    fit(data, config, run, device=CPU)
    own_code.forget("my_fusions")
    assert type(load_run(run, CPU).model.read.fusion).__name__ == "AttentionPooling"
    assert fit(data, config, run, device=CPU).reused

    path.write_text(OUTSIDE_FUSION + "\n# changed\n")
    assert run_folder(tmp_path / "runs", data, config) != run
    with pytest.raises(MissingInput, match="source of fusion my_fusions:AttentionPooling has changed") as changed:
        load_run(run, CPU)
    assert "restore it" in changed.value.hint

    path.unlink()
    own_code.forget("my_fusions")
    with pytest.raises(MissingInput, match="no module 'my_fusions'") as missing:
        load_run(run, CPU)
    assert "my_fusions.py" in missing.value.hint


def test_a_registered_fusion_is_trained_and_needs_its_registration_to_be_opened(
    make_data, mixed, tmp_path: Path, monkeypatch
):
    monkeypatch.setitem(FUSIONS, "mean", None)
    execute_block(REGISTERED_FUSION, "notebook")
    fit(make_data(mixed(60)), QUICK.changed({"fusion": "mean"}), tmp_path / "run", device=CPU)
    assert load_run(tmp_path / "run", CPU).info.extensions.keys() == {"fusion mean"}
    monkeypatch.delitem(FUSIONS, "mean")
    with pytest.raises(MissingInput, match="fusion mean: not registered"):
        load_run(tmp_path / "run", CPU)


def test_settings_of_earlier_versions_keep_their_fingerprint():
    model = {
        "standardize": False,
        "fusion": "joint",
        "lag": False,
        "linear_term": False,
        "joint_means": False,
        "part_means": False,
    } | {"mix_layers": False, "sync": False, "fits_weight": 0}
    earlier = TrainConfig(joint_weight=0, calibrate_terms=False, ema=0, selection="best", **model)
    assert earlier.fingerprint() == "bb1176b08ee8ef17"


def test_a_run_of_an_earlier_version_says_nothing_of_extensions_and_is_opened(make_data, mixed, tmp_path: Path):
    fit(make_data(mixed(40)), QUICK, tmp_path / "run", device=CPU)
    inputs = sealed_files.read_json(tmp_path / "run" / INPUTS)
    assert inputs.pop("extensions") == {}
    (tmp_path / "run" / INPUTS).write_text(json.dumps(inputs))
    config = sealed_files.read_json(tmp_path / "run" / "config.json")
    assert config.pop("extra_losses") == {}
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    assert load_run(tmp_path / "run", CPU).info.extensions == {}


def test_wrong_names_are_refused_with_what_is_possible(own_code):
    with pytest.raises(UsageError, match="fusion: 'jiont' is not possible") as wrong:
        QUICK.changed({"fusion": "jiont"})
    assert all(name in wrong.value.hint for name in FUSIONS)
    with pytest.raises(UsageError, match="extra_losses"):
        QUICK.changed({"extra_losses": {"focal": 0.5}})
    own_code("my_losses", "def plain(): ...\nvalue = 3")
    with pytest.raises(UsageError, match="not a LossTerm"):
        Objective.of(QUICK.changed({"extra_losses": {"my_losses:plain": 1.0}}))
    with pytest.raises(UsageError, match="cannot be called"):
        load_fusion("my_losses:value")


def test_two_terms_cannot_have_one_name():
    with pytest.raises(UsageError, match="fake"):
        Objective((LOSS_TERMS[0], LOSS_TERMS[0]), QUICK)
