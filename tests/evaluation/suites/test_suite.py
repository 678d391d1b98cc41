"""A suite trains every cell once, says why a cell is empty, and leaves the work folder's split and runs alone."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from unmask.core.errors import UsageError
from unmask.core.work_folder import WorkFolder
from unmask.evaluation.predictions import read_predictions
from unmask.evaluation.suites import run_cell, suite
from unmask.evaluation.suites.cell import CellResult
from unmask.evaluation.suites.results import SuiteResult
from unmask.evaluation.suites.suite import choose_jobs, run_suite
from unmask.evaluation.suites.suite_files import FORMS
from unmask.metrics.binary import auc
from unmask.train import fit as training
from unmask.train.config import TrainConfig
from unmask.train.run_folder import BEST, LAST

CPU = torch.device("cpu")
Make = Callable[[str], WorkFolder]
Configs = dict[str, TrainConfig]


def run(work: WorkFolder, name: str, configs: Configs, seeds: tuple[int, ...] = (0,), jobs: int = 1) -> SuiteResult:
    return run_suite(work, name, configs, seeds, device=CPU, jobs=jobs)


def plain(cell: CellResult) -> CellResult:
    """Without the time it took."""
    return replace(cell, train_seconds=0.0)


def test_loo_tests_each_dataset_and_leaves_the_work_folder_as_it_was(make_work: Make, configs: Configs):
    work = make_work("work")
    manifest, files = work.manifest.read_bytes(), {path.name for path in work.root.iterdir()}
    found = run(work, "loo", configs)
    assert work.manifest.read_bytes() == manifest
    assert {path.name for path in work.root.iterdir()} == files | {"suites"}, "no runs, above all"
    cells = {cell.split: cell for cell in found.cells}
    assert sorted(cells) == [f"others -> {name}" for name in ("lonely", "pictures_a", "pictures_b", "sounds")]
    a = cells["others -> pictures_a"]
    assert (a.n_real, a.n_fake, a.reason, a.scheme) == (6, 6, "", "leave-one-out:pictures_a-v2-seed0")
    assert set(a.figures) == {"pictures_a", "macro", "macro 5+", "pooled"}
    assert cells["others -> lonely"].reason == "the test files have no real ones with image/audio"
    assert cells["others -> sounds"].reason or cells["others -> sounds"].n_real == 10


def test_the_auc_of_a_cell_is_that_of_its_written_predictions(make_work: Make, configs: Configs):
    work = make_work("work")
    found = run(work, "loo", configs)
    folders = [path for path in (work.suites / "cells").iterdir() if (path / "predictions.parquet").exists()]
    assert len(folders) == sum(not cell.reason for cell in found.cells)
    for folder in folders:
        cell = json.loads((folder / "cell.json").read_text())
        table = read_predictions(folder).to_pydict()
        assert auc(table["label"], table["score"]) == pytest.approx(cell["figures"]["pooled"]["auc"])
        assert {f"others -> {name}" for name in table["dataset"]} == {cell["split"]}
        assert not list(folder.glob("*.pth")), "weights of a finished cell are of no use"


def test_matrix_has_every_pair_and_a_reason_where_a_class_or_the_modality_lacks(make_work: Make, configs: Configs):
    found = run(make_work("work"), "matrix", configs)
    cells = {cell.split: cell for cell in found.cells}
    assert len(cells) == 16
    assert cells["pictures_a -> pictures_b"].n_real == 4
    assert cells["pictures_a -> pictures_b"].left_out == (), "no file of either has audio"
    assert cells["within pictures_a"].scheme == "grouped-v2-seed0"
    assert "no real and no fake ones with image" in cells["pictures_a -> sounds"].reason
    assert "only one class" in cells["lonely -> sounds"].reason
    assert "no real" in cells["sounds -> lonely"].reason


def test_folds_test_every_file_once(make_work: Make, configs: Configs):
    work = make_work("work")
    found = run(work, "folds:3", configs)
    tested = [
        media
        for path in (work.suites / "cells").iterdir()
        for media in read_predictions(path).column("media_id").to_pylist()
    ]
    assert len(tested) == len(set(tested)) == sum(cell.n_real + cell.n_fake for cell in found.cells) == 40


def test_without_fakeavceleb_every_cell_of_its_protocol_has_a_reason(make_work: Make, configs: Configs):
    found = run(make_work("work"), "fakeavceleb-mrdf", configs)
    assert len(found.cells) == 5
    assert all("the manifest has no dataset fakeavceleb" in cell.reason for cell in found.cells)


def test_ffpp_cross_reports_frames_and_videos(make_ffpp: Make, configs: Configs):
    celeb_df, dfd = run(make_ffpp("work"), "ffpp-cross", configs).cells
    assert (celeb_df.reason, dfd.reason) == ("", "")
    assert (celeb_df.n_real, celeb_df.n_fake, dfd.n_real, dfd.n_fake) == (2, 2, 1, 1)
    for cell in (celeb_df, dfd):
        assert cell.frames is not None
        assert (cell.frames.frames, cell.frames.videos) == (cell.n_real + cell.n_fake,) * 2
        assert cell.frames.auc == cell.frames.video_auc == cell.get("auc"), "one face per file"


def test_a_second_call_trains_nothing_and_more_seeds_keep_the_first(
    make_work: Make, configs: Configs, monkeypatch: pytest.MonkeyPatch
):
    work, trained = make_work("work"), []
    first = run(work, "folds:3", configs)
    original = suite.run_cell
    monkeypatch.setattr(suite, "run_cell", lambda job: trained.append(job.cell.config.seed) or original(job))
    again = run(work, "folds:3", configs)
    assert (again, trained) == (first, [])
    more = run(work, "folds:3", configs, seeds=(0, 1))
    assert trained == [1, 1, 1]
    assert [cell for cell in more.cells if cell.seed == 0] == list(first.cells)


def test_a_stopped_suite_keeps_its_finished_cells(make_work: Make, configs: Configs, monkeypatch: pytest.MonkeyPatch):
    work, done = make_work("work"), []
    original = suite.run_cell

    def stop(job: run_cell.CellJob) -> CellResult:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(job.cell.key)
        return original(job)

    with monkeypatch.context() as patch:
        patch.setattr(suite, "run_cell", stop)
        stopped = run(work, "folds:3", configs)
    assert (stopped.stopped, len(stopped.cells)) == (True, 2)
    assert not list(work.suites.glob("*/suite.json"))
    monkeypatch.setattr(suite, "run_cell", lambda job: done.append(job.cell.key) or original(job))
    finished = run(work, "folds:3", configs)
    assert len(done) == len(set(done)) == 3
    assert finished.cells[:2] == stopped.cells


def test_a_killed_training_goes_on_from_its_last_epoch(
    make_work: Make, configs: Configs, monkeypatch: pytest.MonkeyPatch
):
    undisturbed = run(make_work("whole"), "loo", configs)
    work, epochs = make_work("killed"), []
    validate = training.validate

    def kill(*given, **named):
        epochs.append(1)
        if len(epochs) == 2:
            raise KeyboardInterrupt
        return validate(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(training, "validate", kill)
        assert run(work, "loo", configs).stopped
    monkeypatch.setattr(training, "validate", lambda *given, **named: epochs.append(1) or validate(*given, **named))
    epochs.clear()
    found = run(work, "loo", configs)
    trainings = sum(not cell.reason for cell in found.cells)
    assert len(epochs) == 2 * trainings - 1, "the first epoch of the killed training is not trained again"
    assert list(map(plain, found.cells)) == list(map(plain, undisturbed.cells))


def test_weights_of_a_finished_cell_go_where_its_process_was_killed(make_work: Make, configs: Configs):
    work = make_work("work")
    first = run(work, "loo", configs)
    (done, *_) = sorted((work.suites / "cells").glob("*/predictions.parquet"))
    for name in (LAST, BEST):
        (done.parent / name).write_bytes(b"weights")
    assert run(work, "loo", configs).cells == first.cells
    assert list(work.suites.glob("cells/*/*.pth")) == []


def test_two_cells_at_once_give_the_same_numbers(make_work: Make, configs: Configs):
    one, two = (run(make_work(f"jobs{jobs}"), "loo", configs, jobs=jobs) for jobs in (1, 2))
    assert list(map(plain, two.cells)) == list(map(plain, one.cells))


def test_every_form_is_written_and_the_numbers_are_those_of_the_cells(make_work: Make, configs: Configs):
    work = make_work("work")
    found = run(work, "loo", configs)
    folder = work.suites / found.name
    assert {path.name for path in folder.iterdir()} == {"lock", "suite.json", *FORMS}
    about = json.loads((folder / "suite.json").read_text())
    rows = list(csv.DictReader((folder / "table.csv").read_text().splitlines()))
    for cell in found.cells:
        own = [row for row in rows if row["split"] == cell.split]
        assert {row["row"] for row in own} == (set(cell.figures) or {""})
        assert all(row["reason"] == cell.reason for row in own)
        for row in own if cell.figures else []:
            assert float(row["auc"] or "nan") == pytest.approx(
                cell.figures[row["row"]]["auc"] or float("nan"), nan_ok=True
            )
    known = [cell.get("auc") for cell in found.cells if cell.get("auc") is not None]
    assert about["means"]["linear"]["AUC"]["mean"] == pytest.approx(sum(known) / len(known))
    assert f"{about['means']['linear']['AUC']['mean']:.3f}" in (folder / "table.tex").read_text()
    written = {name: (folder / name).read_bytes() for name in FORMS}
    run(work, "loo", configs)
    assert {name: (folder / name).read_bytes() for name in FORMS} == written, "from finished cells"


def test_nothing_to_train_and_unknown_suites_are_refused(make_work: Make, configs: Configs):
    work = make_work("work")
    with pytest.raises(UsageError, match="nothing to train"):
        run(work, "loo", {})
    with pytest.raises(UsageError, match="no such suite"):
        run(work, "lo", configs)
    assert not work.suites.exists()


def test_as_many_cells_at_once_as_cores_and_memory_allow(monkeypatch: pytest.MonkeyPatch):
    def choose(tokens: int, device: str) -> int:
        data: Any = SimpleNamespace(all_streams={"eye": SimpleNamespace(bytes=tokens)})
        return choose_jobs(data, torch.device(device))

    monkeypatch.setattr(suite, "count_cores", lambda: 8)
    monkeypatch.setattr(suite, "read_memory_gib", lambda: (32.0, 64.0))
    assert (choose(0, "cpu"), choose(0, "cuda")) == (8, 1)
    assert choose(4 * 2**30, "cpu") == 2
    assert choose(400 * 2**30, "cpu") == 1
