"""The whole pipeline through the command line, on synthetic media, with small encoders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from unmask.cli.app import main
from unmask.manifests.manifest import DATASETS, read_manifest

Command = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def command(work: Path) -> Command:
    """Run a command with --json; the object it prints."""

    def run(*arguments: object, code: int = 0) -> dict[str, Any]:
        from contextlib import redirect_stdout
        from io import StringIO

        with redirect_stdout(StringIO()) as out, pytest.raises(SystemExit) as stopped:
            main([*map(str, arguments), "--work", str(work), "--json"])
        assert stopped.value.code == code, out.getvalue()
        result: dict[str, Any] = json.loads(out.getvalue())
        return result

    return run


@pytest.fixture(scope="module")
def finished(command: Command, demo_corpus: Path) -> dict[str, dict[str, Any]]:
    """Name -> JSON object of every stage, run once in order."""
    return {
        "scan": command("scan", demo_corpus),
        "preprocess": command("preprocess", "--profile", "tiny"),
        "extract": command("extract"),
        "train": command("train", "--set", "train.epochs=3"),
        "evaluate": command("evaluate"),
        "report": command("report"),
    }


def test_all_nine_datasets_arrive_in_the_manifest(finished, work: Path):
    manifest = read_manifest(work / "manifest.parquet")
    assert {row.dataset for row in manifest.rows()} == set(DATASETS)
    assert {row.kind for row in manifest.rows()} == {"image", "audio", "video"}


def test_nothing_is_lost_between_stages(finished, work: Path):
    for name in ("scan", "preprocess", "extract"):
        for stage in finished[name]["stages"]:
            assert stage["given"] == stage["done"] + stage["skipped"] + stage["failed"], stage
            assert stage["failed"] == 0, stage
    assert finished["preprocess"]["stages"][0]["given"] == len(read_manifest(work / "manifest.parquet"))


def test_a_second_call_does_no_work(finished, command: Command):
    for name in ("preprocess", "extract"):
        for stage in command(name)["stages"]:
            assert (stage["done"], stage["failed"]) == (0, 0)
            assert stage["skipped"] == stage["given"] > 0


def test_the_same_training_is_reused(finished, command: Command):
    again = command("train", "--set", "train.epochs=3")
    assert again["run"] == finished["train"]["run"]


def test_fakeavceleb_has_rows_per_category_and_person_and_everything_is_covered(finished):
    found = finished["evaluate"]
    assert found["coverage"] == found["scored"] / found["expected"] >= 0.99
    rows = [row for row in found["slices"] if row["dataset"] == "fakeavceleb"]
    categories = {row["name"]: row for row in rows if row["kind"] == "category"}
    assert len(categories) >= 2
    for row in categories.values():
        assert (row["reason"] is None) == (row["n_real"] > 0 and row["n_fake"] > 0) == (row["image_auc"] is not None)
    assert {row["name"].split(":")[0] for row in rows if row["kind"] == "attribute"} == {"gender", "race"}


def test_evaluate_takes_the_run_that_train_named_last(finished, command: Command):
    other = command("train", "--set", "train.epochs=1")
    assert other["run"] != finished["train"]["run"]
    assert command("evaluate")["run"] == Path(other["run"]).name
    command("train", "--set", "train.epochs=3")
    assert command("evaluate")["run"] == Path(finished["train"]["run"]).name


def test_every_test_item_has_a_prediction(finished, work: Path):
    expected = {row.media_id for row in read_manifest(work / "manifest.parquet").rows() if row.split == "test"}
    predictions = pq.read_table(Path(finished["train"]["run"]) / "predictions.parquet").to_pylist()
    assert {entry["media_id"] for entry in predictions} == expected
    assert all(0 <= entry["score"] <= 1 for entry in predictions)


@pytest.mark.parametrize("kind", ["image", "audio", "video"])
def test_predict_gives_the_score_that_evaluate_gave(finished, command: Command, work: Path, kind: str):
    run = Path(finished["train"]["run"])
    manifest = read_manifest(work / "manifest.parquet")
    rows = {row.media_id: row for row in manifest.rows()}
    # Without sidecar text: predict has only the file.
    entry = next(
        entry
        for entry in pq.read_table(run / "predictions.parquet").to_pylist()
        if entry["kind"] == kind and rows[entry["media_id"]].text is None
    )
    verdict = command("predict", manifest.locate(rows[entry["media_id"]]), "--run", run)["verdicts"][0]
    assert verdict["score"] == pytest.approx(entry["score"], abs=1e-3)
    assert verdict["clips"], "the clips behind the score are listed"


def test_a_file_that_is_no_media_gets_a_verdict_with_the_reason(finished, command: Command, tmp_path: Path):
    (tmp_path / "page.mp4").write_text("<html>not found</html>")
    run = Path(finished["train"]["run"]).name
    verdict = command("predict", tmp_path / "page.mp4", "--run", run, code=4)["verdicts"][0]
    assert (verdict["verdict"], verdict["score"]) == ("unsupported", None)
    assert "HTML" in verdict["reason"]


def test_the_report_is_one_page_that_needs_nothing_else(finished):
    page = Path(finished["report"]["report"]).read_text(encoding="utf-8")
    assert "say nothing about real deepfakes" in page
    assert all(dataset in page for dataset in DATASETS)
    assert "<script src" not in page
    assert "<link" not in page
