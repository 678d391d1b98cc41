"""`unmask adapt sync`, then `extract --weights sync=...`, and what `train` says on another split."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from moving_mouths import label_videos, write_videos

import unmask
from unmask.cli import app
from unmask.core.atomic_files import write_json
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import from_rows, write_manifest
from unmask.preprocess.profiles import tiny

SPLITS = ("train", "train", "val", "test")
QUICK = ("--set=adapt.steps=10", "--set=adapt.batch_size=4", "--set=adapt.seconds=1")


@pytest.fixture
def work(tmp_path: Path) -> WorkFolder:
    folder, profile = WorkFolder(tmp_path / "work"), tiny().changed({"preprocess": {"mouth_fps": 25}})
    write_manifest(folder.manifest, label_videos(write_videos(folder, profile, 16), SPLITS))
    write_json(folder.profile, profile.model_dump(mode="json"))
    return folder


def call(capsys: pytest.CaptureFixture[str], work: WorkFolder, *arguments: str) -> tuple[int, dict[str, Any]]:
    with pytest.raises(SystemExit) as ended:
        app.main([*arguments, "--work", str(work.root), "--json"])
    return int(ended.value.code or 0), json.loads(capsys.readouterr().out)


def test_learn_extract_train_and_refuse_a_split_that_holds_out_what_was_seen(
    work: WorkFolder, capsys: pytest.CaptureFixture[str]
):
    code, learned = call(capsys, work, "adapt", "sync", "--seed", "2", "--device", "cpu", *QUICK)
    assert code == 0
    assert learned["settings"]["seed"] == 2
    assert [line["steps"] for line in learned["epochs"]] == [10]
    assert learned["items"] == {"train": 6, "val": 3}
    code, done = call(capsys, work, "extract", "--weights", f"sync={learned['folder']}", "--device", "cpu")
    assert code == 0
    assert {one["stage"]: one["done"] for one in done["stages"]}["extract sync-audio"] == 32
    names = [one.get("as", one["name"]) for one in json.loads(work.profile.read_text())["encoders"]]
    assert names == ["tiny_image", "tiny_audio", "tiny_text", "sync-image", "sync-audio"]
    code, trained = call(capsys, work, "train", "--set=train.epochs=1", "--device", "cpu")
    assert code == 0
    info = json.loads((Path(trained["run"]) / "inputs.json").read_text())
    assert info["shape"]["sync"]
    assert {"sync-image", "sync-audio"} <= set(info["streams"])
    swapped = {"train": "test", "test": "train"}
    rows = [
        replace(row, split=swapped.get(row.split, row.split), split_scheme="b")
        for row in unmask.Work(work.root).read_manifest().rows()
    ]
    write_manifest(work.manifest, from_rows(rows, {"archive": "/x"}))
    code, refused = call(capsys, work, "train", "--set=train.epochs=1")
    assert code == 4
    assert refused["error"].startswith("the weights of sync-")


def test_settings_of_other_encoders_are_refused(work: WorkFolder, capsys: pytest.CaptureFixture[str]):
    code, refused = call(capsys, work, "adapt", "sync", "--epochs", "3")
    assert code == 2
    assert "epochs" in refused["error"]


def test_the_python_api_gives_the_table(work: WorkFolder):
    table = unmask.Work(work.root).adapt("sync", steps=10, batch_size=4, seconds=1.0, device="cpu")
    assert [row["epoch"] for row in table.as_rows()] == [1]
    assert "learned on 6 genuine training videos" in table.notes()[0]
    assert table.folder.parent.name == "adapted"
