"""A bundle predicts what its run predicts, in a process that knows nothing of the work folder."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from huggingface_hub.repocard_data import model_index_to_eval_results

import unmask
from unmask.api import Work
from unmask.cache.encoders import find_stream_name
from unmask.core.errors import MissingInput, UsageError
from unmask.core.files import sealed_files
from unmask.train.bundles.listing import read_listing

ROOT = Path(unmask.__file__).parents[1]
PREDICT = """
import json, sys, unmask
from pathlib import Path
folder = Path(sys.argv[1])
run = unmask.open_bundle(folder) if (folder / "bundle.json").is_file() else unmask.Work(folder.parents[1]).run(folder)
verdicts = run.predict(sys.argv[2:], device="cpu")
print(json.dumps([verdict.as_json() for verdict in verdicts]))
"""


def test_a_fresh_process_gives_equal_scores_without_work_folder_and_models(bundled, copied, tmp_path):
    files = list(map(str, bundled.files))
    # In a process of its own too: how other tests set threads shows in the last digits.
    first = subprocess.run(
        [sys.executable, "-c", PREDICT, str(bundled.run.folder), *files], capture_output=True, text=True
    )
    assert first.returncode == 0, first.stderr
    here = json.loads(first.stdout)
    assert all(0 < verdict["score"] < 1 for verdict in here)
    away = [(path, path.with_name(f"{path.name}-away")) for path in (bundled.run.folder.parents[1], bundled.model)]
    shutil.move(copied, tmp_path / "elsewhere")
    environment = os.environ | {"HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    for path, moved in away:
        path.rename(moved)
    try:
        call = [sys.executable, "-c", PREDICT, "elsewhere", *files]
        done = subprocess.run(call, capture_output=True, text=True, cwd=tmp_path, env=environment)
    finally:
        for path, moved in away:
            moved.rename(path)
    assert done.returncode == 0, done.stderr
    there = json.loads(done.stdout)
    for verdict in (*here, *there):
        del verdict["custody"]["judged_at"], verdict["custody"]["run_sha256"]  # its profile names no local folder
    assert there == here, "to the last bit"


def test_it_says_what_it_needs_and_names_no_folder_of_this_machine_and_no_media(bundled):
    info = read_listing(bundled.folder)
    needs = {need.stream: need for need in info.needs}
    assert needs.keys() == {"tiny_image", "vit", "tiny_audio"}
    assert (needs["vit"].source, needs["tiny_image"].source) == ("inside", "none")
    assert Path(needs["vit"].where).name == "my-vit"
    names = {path.relative_to(bundled.folder).as_posix() for path in bundled.folder.rglob("*") if path.is_file()}
    assert names == {"bundle.json", *info.files}
    assert {Path(name).suffix for name in names} == {".json", ".md", ".safetensors", ".npz"}
    assert sum(name.endswith("model.safetensors") for name in names) == 3, "two members and an encoder"
    private = [str(bundled.run.folder.parents[2]), str(Path.home()) + "/", str(bundled.model.parent)]
    found = {name: (bundled.folder / name).read_bytes().decode("latin-1") for name in names}
    assert [(name, one) for name, text in found.items() for one in private if one in text] == []
    assert [name for name, text in found.items() if "data.pkl" in text or text.startswith("\x80")] == []


def test_the_same_run_gives_the_same_bundle_and_another_folder_is_left_alone(bundled, copied, tmp_path):
    again = bundled.run.bundle(copied)
    assert again.about == read_listing(bundled.folder)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").write_text("mine")
    with pytest.raises(UsageError, match="a folder with other files"):
        bundled.run.bundle(tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["letter.txt"]
    with pytest.raises(UsageError, match="another bundle"):
        bundled.run.bundle(copied, license="apache-2.0")
    assert read_listing(copied) == again.about
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".tmp")] == []


def test_the_card_has_the_numbers_of_the_evaluation_and_the_licence(bundled, tmp_path):
    made = bundled.run.bundle(tmp_path / "licensed", license="cc-by-nc-4.0")
    _, front, body = (made.folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    head = yaml.safe_load(front)
    name, results = model_index_to_eval_results(head["model-index"])
    auc = {one.dataset_name: one.metric_value for one in results if one.metric_type == "roc_auc"}
    assert (name, head["license"]) == (bundled.run.name, "cc-by-nc-4.0")
    assert auc["pooled"] == bundled.run.evaluation.details.model.row("pooled").auc
    assert "`cc-by-nc-4.0`, chosen by who made this bundle" in body
    assert "unmask predict --run bundle" in body
    assert re.search(r"`vit`: weights inside, `encoders/\w+/my-vit`", body)
    assert "No licence was chosen" in (bundled.folder / "README.md").read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="not an id of the hub"):
        bundled.run.bundle(tmp_path / "other", license="My licence: all")


def test_a_bundle_is_found_by_its_folder_without_any_work_folder(bundled, tmp_path, monkeypatch):
    monkeypatch.chdir(bundled.folder.parent)
    for named in (bundled.folder, "bundle"):
        found = Work(tmp_path / "nowhere").run(named)
        assert (found.name, [one.name for one in found.members]) == (bundled.run.name, found_members(bundled))
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(UsageError, match="nothing is written into"):
        found.evaluate()
    with pytest.raises(MissingInput, match="no bundle"):
        unmask.open_bundle(bundled.run.folder)


def found_members(bundled) -> list[str]:
    return [member.name for member in bundled.run.members]


def test_another_class_of_machine_is_told(bundled, monkeypatch, caplog):
    run = unmask.open_bundle(bundled.folder)
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    monkeypatch.setattr(logging.getLogger("unmask"), "propagate", True)
    run.predict([bundled.folder / "absent.png"], device="cpu")
    assert "riscv64 here): scores may differ slightly" in caplog.text


def test_weights_that_changed_since_the_training_are_not_bundled(bundled, tmp_path):
    config = bundled.model / "config.json"
    before = config.read_bytes()
    config.write_bytes(before + b"\n")
    try:
        with pytest.raises(MissingInput, match="encoder vit: its weights on this machine differ"):
            bundled.run.bundle(tmp_path / "changed")
    finally:
        config.write_bytes(before)
    assert not (tmp_path / "changed").exists()


def test_a_run_without_evaluation_is_not_bundled(bundled, tmp_path):
    with pytest.raises(MissingInput, match="have not been evaluated"):
        bundled.run.members[0].bundle(tmp_path / "member")


def test_encoders_of_an_opened_bundle_lie_inside_it(bundled, copied):
    from unmask.train.run_folder import read_info

    found = {find_stream_name(one): one.weights for one in read_info(copied).profile.encoders}
    assert str(found["vit"]).startswith(str(copied.resolve()))
    assert Path(str(found["vit"])).is_dir()


def test_what_a_verdict_needs_beside_the_weights_is_taken_along(bundled, tmp_path):
    beside = bundled.run.folder / "verdict-models.json"
    before = beside.read_bytes() if beside.is_file() else None
    sealed_files.write_json(beside, {"limit": 1})
    try:
        made = bundled.run.bundle(tmp_path / "made")
        assert made.about.files["verdict-models.json"].size == beside.stat().st_size
        assert (made.folder / "verdict-models.json").read_bytes() == beside.read_bytes()
        sealed_files.write_json(beside, {"limit": str(bundled.run.folder)})
        with pytest.raises(UsageError, match=r"verdict-models\.json: names the folder"):
            bundled.run.bundle(tmp_path / "private")
    finally:
        beside.unlink()
        if before is not None:
            beside.write_bytes(before)
    assert not (tmp_path / "private").exists()
