"""Features of training clips: kept with a run, ignored when they are of other weights, nearest first."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_chain import CPU, Chain

from unmask.evaluation.explanation import training_features as module
from unmask.evaluation.explanation.training_features import (
    FILE,
    compute_features,
    read_training_features,
    write_training_features,
)
from unmask.evaluation.open_run import OpenRun, open_run


@pytest.fixture
def opened(chain: Chain, tmp_path: Path) -> OpenRun:
    """With a run folder of its own."""
    found = open_run(chain.run, chain.work, chain.manifest, CPU)
    return replace(found, run=Path(shutil.copytree(chain.run, tmp_path / chain.run.name)))


def read(opened: OpenRun):
    return read_training_features(opened.run, opened.info)


def test_a_training_clip_is_nearest_to_itself_and_each_file_is_named_once(opened: OpenRun):
    write_training_features(opened, device=CPU)
    found, data = read(opened), opened.data
    assert found is not None
    rows = {row.media_id: row for row in opened.manifest.rows()}
    assert set(found.media_id) == {row.media_id for row in rows.values() if row.split == "train" and row.status == "ok"}
    for clip in np.flatnonzero(data.clips.split == "train").tolist():
        features = compute_features(opened.loaded.model, data, np.array([clip]), device=CPU)
        nearest = found.find_nearest(features)
        assert nearest[0].similarity == pytest.approx(1, abs=2e-3), "float16"
        same = [one for one in nearest if one.similarity > nearest[0].similarity - 2e-3]
        assert data.clips.media_id[clip] in {one.media_id for one in same}
        assert len({one.media_id for one in nearest}) == len(nearest) == 5
        assert [one.similarity for one in nearest] == sorted((one.similarity for one in nearest), reverse=True)
        for one in nearest:
            row = rows[one.media_id]
            assert (one.dataset, one.path, one.label) == (row.dataset, row.path, ("real", "fake")[row.label])


def test_the_file_needs_no_pickle_and_is_the_same_again(opened: OpenRun):
    write_training_features(opened, device=CPU)
    first = (opened.run / FILE).read_bytes()
    with np.load(opened.run / FILE, allow_pickle=False) as file:
        assert file["features"].dtype == np.float16
        assert all(file[name].dtype != object for name in file.files)
        assert json.loads(str(file["about"]))["key"] == opened.info.key
    write_training_features(opened, device=CPU)
    assert (opened.run / FILE).read_bytes() == first


def test_a_run_without_them_and_one_trained_anew_have_none(opened: OpenRun):
    (opened.run / FILE).unlink(missing_ok=True)  # of another test that evaluated the run
    assert read(opened) is None
    write_training_features(opened, device=CPU)
    assert read_training_features(opened.run, opened.info.model_copy(update={"key": "other"})) is None
    epoch = opened.info.best_epoch + 1
    assert read_training_features(opened.run, opened.info.model_copy(update={"best_epoch": epoch})) is None


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "shape"])
def test_a_damaged_file_is_none_with_a_warning(opened: OpenRun, damage: str, caplog):
    write_training_features(opened, device=CPU)
    path = opened.run / FILE
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    content = {"cut": path.read_bytes()[:-100], "text": b"no archive", "empty": b""}.get(damage)
    if content is None:
        np.savez(path, **arrays | {"is_fake": arrays["is_fake"][1:]})
    else:
        path.write_bytes(content)
    with caplog.at_level(logging.WARNING, "unmask"):
        assert read(opened) is None
    assert FILE in caplog.text or damage == "shape"


def test_of_many_clips_a_random_choice_is_kept(opened: OpenRun, monkeypatch):
    monkeypatch.setattr(module, "MOST_CLIPS", 5)
    write_training_features(opened, device=CPU)
    found = read(opened)
    assert found is not None
    assert len(found.features) == len(set(found.media_id)) == 5
