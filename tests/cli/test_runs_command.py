"""`unmask runs`: list, show and remove runs; `unmask cache gc` takes what finished runs no longer need."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from unmask.cli import app
from unmask.cli.runs import _format_age
from unmask.core.file_lock import hold_lock
from unmask.train.config import TrainConfig

BETTER = {"macro": {"auc": 0.875}}


def call(capsys: pytest.CaptureFixture[str], work: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the JSON object, and stderr."""
    with pytest.raises(SystemExit) as ended:
        app.main([*arguments, "--work", str(work), "--json"])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), json.loads(out), err


def make_run(
    work: Path,
    name: str,
    *,
    age: int,
    finished: bool = True,
    purpose: str | None = None,
    members: tuple[str, ...] = (),
    **settings: Any,
) -> Path:
    run = work / "runs" / name
    run.mkdir(parents=True)
    summary = {
        **{"run": name, "size": "small", "parameters": 7, "epochs": 3, "best_epoch": 2, "criterion": "macro_auc"},
        **{"validation": BETTER, "train_items": 4, "train_clips": 5, "train_seconds": 1.5},
    }
    aucs = {"macro": 0.75, "macro 5+": 0.72, "pooled": 0.71}
    evaluation = {
        **{"key": "k", "best_epoch": 2, "split": "test"},
        "split_scheme": "leak-free",
        "model": {
            "name": "model",
            "rows": [{"name": row, "auc": auc, "auc_interval": [0.61, 0.83]} for row, auc in aucs.items()],
        },
        "controls": [{"name": "linear probe", "rows": [{"name": "pooled", "auc": 0.69}]}],
    }
    files: dict[str, Any] = {
        "config.json": TrainConfig(**settings).model_dump(mode="json"),
        "inputs.json": {"key": "k", "best_epoch": 2, "streams": {"lfcc": {"fingerprint": "ab12"}}}
        | {"shape": {"datasets": ["celeb_df", "dff", "deepvoice"]}}
        | {"members": [{"run": member} for member in members]},
        "evaluation.json": evaluation,
        **({"summary.json": summary} if finished else {}),
        **({"purpose.json": {"purpose": purpose}} if purpose else {}),
    }
    for file, content in files.items():
        (run / file).write_text(json.dumps(content))
    (run / "last.pth").write_bytes(b"x" * 1000)
    (run / "best_multimodal_all_datasets.pth").write_bytes(b"x" * 500)
    os.utime(run / "inputs.json", (2e9 - age, 2e9 - age))
    return run


@pytest.fixture
def work(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    make_run(root, "full-s0-1", age=3, preset="full", lr=1e-3)
    make_run(root, "full-s1-2", age=2, preset="full", seed=1, finished=False)
    make_run(root, "full-cdan-s0-3", age=1, preset="full-cdan", purpose="ablation")
    return root


def test_ls_lists_what_each_run_is_and_how_good(capsys, work: Path):
    code, found, err = call(capsys, work, "runs", "ls")
    assert code == 0
    assert [(row["run"], row["purpose"], row["finished"]) for row in found["runs"]] == [
        ("full-cdan-s0-3", "ablation", True),
        ("full-s1-2", "train", False),
        ("full-s0-1", "train", True),
    ]
    oldest = found["runs"][-1]
    assert (oldest["validation_macro_auc"], oldest["macro_auc"], oldest["evaluated"]) == (0.875, 0.75, "test")
    assert (oldest["macro_5_auc"], oldest["pooled_auc"], oldest["probe_pooled_auc"]) == (0.72, 0.71, 0.69)
    assert oldest["bytes"] > 1500
    assert (oldest["datasets"], oldest["split_scheme"]) == ("celeb_df, dff, deepvoice", "leak-free")
    assert (oldest["macro_auc_low"], oldest["macro_auc_high"]) == (0.61, 0.83)
    for said in ("0.750 [0.610, 0.830]", "leak-free", "3 datasets", " min"):
        assert said in err
    for said in ("unfinished", "ablation", "0.875", "0.720", "0.710", "0.690", "3 runs, "):
        assert said in err


@pytest.mark.parametrize(
    ("seconds", "age"), [(-5, "0 min"), (119 * 60, "119 min"), (2 * 3600, "2 h"), (48 * 3600, "2 days")]
)
def test_the_age_is_in_the_unit_that_says_most(seconds: int, age: str):
    assert _format_age(seconds) == age


def test_a_damaged_run_is_listed_with_its_problem(capsys, work: Path):
    (work / "runs" / "full-s0-1" / "config.json").write_text("no json")
    code, found, err = call(capsys, work, "runs", "ls")
    assert code == 0
    assert found["runs"][-1]["purpose"] == "damaged"
    assert "config.json" in found["runs"][-1]["problem"]
    assert "runs/full-s0-1/config.json: damaged, not JSON (unmask train with its settings" in err
    assert "or unmask runs rm full-s0-1)" in err


def test_a_run_that_does_not_say_what_it_is_for_is_damaged(capsys, work: Path):
    (work / "runs" / "full-cdan-s0-3" / "purpose.json").write_text("no json")
    code, found, err = call(capsys, work, "runs", "ls")
    assert (code, found["runs"][0]["purpose"]) == (0, "damaged")
    assert "full-cdan-s0-3/purpose.json: damaged" in err


@pytest.mark.parametrize("command", [("ls",), ("show", "full-s0-1")])
def test_a_damaged_evaluation_is_told_with_the_remedy(capsys, work: Path, command: tuple[str, ...]):
    path = work / "runs" / "full-s0-1" / "evaluation.json"
    path.write_bytes(path.read_bytes()[:100])
    code, found, err = call(capsys, work, "runs", *command, "--quiet")
    assert code == 0
    row = found["runs"][-1] if command == ("ls",) else found["run"]
    assert (row["purpose"], row["macro_auc"]) == ("damaged", None)
    assert "runs/full-s0-1/evaluation.json: damaged, not JSON (unmask evaluate)" in err


def test_show_tells_settings_encoders_and_files(capsys, work: Path):
    code, found, err = call(capsys, work, "runs", "show", "full-s0-1")
    assert code == 0
    assert found["run"]["best_epoch"] == 2
    assert found["settings"]["lr"] == 1e-3
    assert found["encoders"] == {"lfcc": "lfcc-ab12"}
    assert found["files"]["last.pth"] == 1000
    assert "0.001" in err
    assert "weight_decay" not in err, "only settings that differ from the defaults"


def test_a_name_that_is_none_is_exit_4_with_the_closest(capsys, work: Path):
    for arguments in (["show", "full-s0-2"], ["rm", "full-s0-2", "--yes"]):
        code, found, _ = call(capsys, work, "runs", *arguments)
        assert code == 4
        assert "did you mean full-s" in found["hint"]


def test_rm_removes_the_named_runs_alone(capsys, work: Path):
    names = ("full-s0-1", "full-cdan-s0-3")
    code, found, _ = call(capsys, work, "runs", "rm", *names, "--dry-run")
    assert (code, found["removed"]) == (0, [])
    assert call(capsys, work, "runs", "rm", *names)[0] == 2, "--json cannot ask"
    assert len(list((work / "runs").iterdir())) == 3
    code, found, _ = call(capsys, work, "runs", "rm", *names, "--yes")
    assert (code, found["removed"]) == (0, list(names))
    assert [path.name for path in (work / "runs").iterdir()] == ["full-s1-2"]


def test_rm_that_was_killed_at_any_file_is_finished_by_the_next(capsys, work: Path, monkeypatch):
    run, unlink = work / "runs" / "full-s0-1", os.unlink
    kept, removed = shutil.copytree(run, work / "kept"), []

    def kill(most: int, *given: Any, **options: Any) -> None:
        if len(removed) == most:
            raise KeyboardInterrupt
        removed.append(given)
        unlink(*given, **options)

    for most in range(len(list(run.iterdir())) + 1):
        with monkeypatch.context() as patch:
            patch.setattr(os, "unlink", partial(kill, most))
            assert call(capsys, work, "runs", "rm", run.name, "--yes")[0] == 130
        code, found, _ = call(capsys, work, "runs", "rm", run.name, "--yes")
        assert (code, found["removed"], run.exists()) == (0, [run.name], False)
        shutil.copytree(kept, run)
        removed.clear()


def test_rm_removes_a_run_whose_lock_another_command_asks_for_meanwhile(capsys, work: Path, monkeypatch):
    run, remove = work / "runs" / "full-s0-1", os.rmdir

    def remove_folder(path: Any, **options: Any) -> None:
        if not asked:
            asked.append(path)
            (run / "lock").touch()
        remove(path, **options)

    asked: list[Any] = []
    monkeypatch.setattr(os, "rmdir", remove_folder)
    code, found, _ = call(capsys, work, "runs", "rm", run.name, "--yes")
    assert (code, found["removed"], run.exists(), len(asked)) == (0, [run.name], False, 1)


def test_rm_leaves_a_run_in_training_and_folders_elsewhere(capsys, work: Path, tmp_path: Path):
    with hold_lock(work / "runs" / "full-s1-2" / "lock", "a test"):
        code, found, _ = call(capsys, work, "runs", "rm", "full-s1-2", "--yes")
    assert code == 2
    assert "already running" in found["error"]
    elsewhere = make_run(tmp_path / "other", "full-s0-1", age=0)
    code, found, _ = call(capsys, work, "runs", "rm", str(elsewhere), "--yes")
    assert code == 2
    assert elsewhere.is_dir()
    assert (work / "runs" / "full-s1-2").is_dir()


@pytest.fixture
def ensembles(work: Path) -> Path:
    for seed in range(4):
        make_run(work, f"full-s{seed}-m", age=20 + seed, preset="full", seed=seed, purpose="member" if seed else None)
    make_run(work, "full-ensemble3-s0-e", age=10, preset="full", members=("full-s0-m", "full-s1-m", "full-s2-m"))
    make_run(work, "full-ensemble2-s2-e", age=9, preset="full", seed=2, members=("full-s2-m", "full-s3-m"))
    return work


def test_an_ensemble_and_its_members_are_listed_as_such(capsys, ensembles: Path):
    _, found, err = call(capsys, ensembles, "runs", "ls")
    rows = {row["run"]: (row["purpose"], row["members"]) for row in found["runs"]}
    assert rows["full-ensemble3-s0-e"] == ("train", 3)
    assert (rows["full-s0-m"], rows["full-s1-m"]) == (("train", 0), ("member", 0))
    (ensembles / "runs" / "full-s1-m" / "config.json").unlink()
    _, found, err = call(capsys, ensembles, "runs", "show", "full-ensemble3-s0-e")
    assert found["members"] == ["full-s0-m", "full-s1-m", "full-s2-m"]
    assert "seed 2, best epoch 2" in err
    assert "gone or damaged" in err


def test_rm_tells_of_the_ensemble_that_a_member_is_missed_by(capsys, ensembles: Path):
    _, found, err = call(capsys, ensembles, "runs", "rm", "full-s3-m", "--yes")
    assert found["removed"] == ["full-s3-m"]
    assert "full-s3-m is a member of full-ensemble2-s2-e, which cannot score without it" in err
    _, _, err = call(capsys, ensembles, "runs", "rm", "full-ensemble2-s2-e", "full-s2-m", "--dry-run")
    assert "full-s2-m is a member of full-ensemble3-s0-e, which" in err


def test_rm_of_an_ensemble_takes_its_own_members_where_asked(capsys, ensembles: Path):
    _, found, _ = call(capsys, ensembles, "runs", "rm", "full-ensemble2-s2-e", "--dry-run")
    assert list(found["runs"]) == ["full-ensemble2-s2-e"]
    _, found, err = call(capsys, ensembles, "runs", "rm", "full-ensemble3-s0-e", "--members", "--yes")
    assert found["removed"] == ["full-ensemble3-s0-e", "full-s1-m"], "not what train or another ensemble asked for"
    assert "is a member" not in err


def test_gc_takes_the_resume_states_of_finished_runs(capsys, work: Path):
    code, found, _ = call(capsys, work, "cache", "gc", "--dry-run")
    assert code == 0
    assert found["finished_states"] == ["runs/full-cdan-s0-3/last.pth", "runs/full-s0-1/last.pth"]
    assert (found["bytes"], found["removed"]) == (2000, [])
    code, found, _ = call(capsys, work, "cache", "gc", "--yes")
    assert (code, found["removed"]) == (0, found["finished_states"])
    assert sorted(path.parent.name for path in work.glob("runs/*/last.pth")) == ["full-s1-2"]
    assert len(list(work.glob("runs/*/best_multimodal_all_datasets.pth"))) == 3


def test_without_runs_nothing_is_listed(capsys, tmp_path: Path):
    code, found, _ = call(capsys, tmp_path / "work", "runs", "ls")
    assert (code, found["runs"]) == (0, [])
