"""Whatever a decoder raises costs one file: a row with the reason "crashed", at this run and the next."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from raised_errors import RAISED, raise_content
from tiny_media import manifest_of
from typer.testing import CliRunner

from unmask.cli.app import app
from unmask.core.work_folder import WorkFolder
from unmask.manifests.manifest import Manifest, write_manifest
from unmask.preprocess import stage
from unmask.preprocess.outcomes import read_outcomes
from unmask.preprocess.profiles import tiny
from unmask.preprocess.shards.media_item import MediaItem
from unmask.preprocess.shards.shard_plan import get_media_folder
from unmask.preprocess.stage import Limits, preprocess
from unmask.preprocess.task import Task

SETTINGS = tiny().preprocess


def preprocess_with_crashes(task: Task) -> MediaItem:
    """`preprocess_item` in a worker whose image reader raises the exception that a file names."""
    from unmask.preprocess import worker

    read = worker._KINDS["image"]

    def reader(task: Task) -> MediaItem:
        raise_content(task.path)
        return read(task)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(worker._KINDS, "image", reader)
        return worker.preprocess_item(task)


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_preprocess_in_worker", preprocess_with_crashes)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """A good file after each that makes its reader raise."""
    root = tmp_path / "files"
    root.mkdir()
    for number, name in enumerate(RAISED):
        (root / f"{number:02} a {name}.png").write_text(name)
        Image.fromarray(np.full((40, 40, 3), number, np.uint8)).save(root / f"{number:02} b.png")
    return manifest_of(root)


def test_a_crash_is_a_row_and_the_run_goes_on_and_may_be_repeated(manifest, crashing, monkeypatch, tmp_path):
    work = WorkFolder(tmp_path / "work")
    report = preprocess(manifest, SETTINGS, work, Limits(workers=2))
    assert (report.given, report.done, len(report.failed)) == (2 * len(RAISED), len(RAISED), len(RAISED))
    for path, reason in report.failed.items():
        assert reason.startswith(f"crashed: {Path(path).stem.split()[-1]}: ")
    again = preprocess(manifest, SETTINGS, work, Limits(workers=2))
    assert (again.done, again.skipped, again.failed) == (0, len(RAISED), report.failed)
    monkeypatch.undo()
    mended = preprocess(manifest, SETTINGS, work, Limits(workers=2), retry=("crashed",))
    assert (mended.skipped, len(mended.failed)) == (len(RAISED), len(RAISED))
    reasons = {outcome.reason for outcome in read_outcomes(get_media_folder(work, SETTINGS))}
    assert reasons <= {None, "unreadable", "unsupported"}


def test_the_end_of_the_command_asks_to_report_unexpected_errors(manifest, crashing, tmp_path):
    work = tmp_path / "work"
    part = Manifest(manifest.table.slice(0, 4), manifest.roots)
    write_manifest(work / "manifest.parquet", part)
    call = ["preprocess", "--work", str(work), "--profile", "tiny", "--max-failures"]
    done = CliRunner().invoke(app, [*call, "0.5"])
    assert done.exit_code == 0, done.output
    assert "2 items met an unexpected error, please report: " in done.output
    assert CliRunner().invoke(app, [*call, "0.4"]).exception.exit_code == 3
