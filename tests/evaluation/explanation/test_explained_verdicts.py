"""`predict --explain`: contributions, maps, nearest training clips, and what is told of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from guides import code_blocks
from PIL import Image
from tiny_chain import Chain
from typer.testing import CliRunner

from unmask.api import Work
from unmask.cli.app import app
from unmask.evaluation.explanation.face_maps import CELLS, blur_cells


@pytest.fixture(scope="module")
def work(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Work:
    """A copy whose run is evaluated."""
    copied = Work(shutil.copytree(chain.work.root, tmp_path_factory.mktemp("explained") / "work"))
    copied.evaluate(device="cpu")
    return copied


@pytest.fixture
def files(chain: Chain) -> list[Path]:
    return [chain.data_root / "pictures/test/fake/0.png", chain.data_root / "sounds/test/real/0.wav"]


def test_an_explanation_sums_to_the_log_odds_of_the_score(work: Work, files: list[Path]):
    for verdict in work.predict(files, explain=True, device="cpu"):
        found = verdict.explanation
        assert found is not None
        assert found.logit == pytest.approx(np.log(verdict.score / (1 - verdict.score)), abs=1e-6)
        assert found.base + sum(one.logit for one in found.contributions) == pytest.approx(found.logit, abs=1e-9)
        assert len(found.neighbors) == 5
        assert found.notes == ()
        json.dumps(verdict.as_json())
    assert [one.explanation for one in work.predict(files, device="cpu")] == [None, None]


def test_a_picture_has_a_map_and_a_recording_has_none(work: Work, files: list[Path]):
    picture, sound = work.predict(files, explain=True, device="cpu")
    assert picture.explanation
    assert sound.explanation
    (drawn,) = picture.explanation.maps
    assert (drawn.stream, drawn.time_s) == ("tiny_image", 0)
    assert np.shape(drawn.rows) == (CELLS, CELLS)
    assert np.abs(drawn.rows).max() > 0
    assert sound.explanation.maps == ()
    assert {one.modality for one in sound.explanation.contributions} == {"audio"}


def test_a_crop_of_one_color_has_a_map_of_zeros(work: Work, tmp_path: Path):
    Image.new("RGB", (64, 64), (90, 120, 200)).save(tmp_path / "plain.png")
    (verdict,) = work.predict([tmp_path / "plain.png"], explain=True, device="cpu")
    assert verdict.explanation
    assert np.abs(verdict.explanation.maps[0].rows).max() < 1e-5


def test_each_version_of_a_crop_differs_in_its_cell_alone():
    pixels = np.random.default_rng(0).integers(0, 256, (50, 50, 3)).astype(np.uint8)
    versions = blur_cells(pixels, 7)
    assert versions.shape == (50, 50, 50, 3)
    torch.testing.assert_close(versions[0], pixels)
    changed = (versions[1:] != pixels).any(axis=3)
    assert changed.any(axis=0).mean() > 0.9
    assert changed.sum(axis=0).max() == 1, "cells do not overlap"
    rows, columns = np.nonzero(changed[1 * 7 + 2])
    assert (rows.min(), rows.max()) == (7, 13)
    assert (columns.min(), columns.max()) == (14, 20)


def test_a_run_that_was_not_evaluated_says_so(chain: Chain, files: list[Path], tmp_path: Path):
    run = shutil.copytree(chain.run, tmp_path / "runs" / chain.run.name)
    (run / "training_features.npz").unlink(missing_ok=True)
    (verdict,) = Work(tmp_path).predict(files[:1], run, explain=True, device="cpu")
    assert verdict.explanation
    assert verdict.explanation.neighbors == ()
    assert verdict.explanation.notes[0].startswith("no nearest training clips")


def test_the_command_prints_lines_and_all_of_it_as_json(work: Work, files: list[Path]):
    arguments = ["predict", str(files[0]), "--work", str(work.folder.root), "--device", "cpu", "--explain"]
    told = CliRunner().invoke(app, arguments)
    assert told.exit_code == 0, told.output
    assert "nearest training clips: " in told.output
    assert "image speaks most for " in told.output
    told = CliRunner().invoke(app, [*arguments, "--json"])
    (verdict,) = json.loads(told.stdout)["verdicts"]
    assert len(verdict["explanation"]["neighbors"]) == 5


def test_the_code_of_the_guide_runs(work: Work, files: list[Path], capsys):
    (block,) = code_blocks("explanations.md")
    names = {"run": work.run(), "path": files[1]}
    exec(block, names)
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in shown] == ["audio"] * len(shown)
    assert len(shown) == len(names["found"].contributions) > 0
