"""The verdict models in the run's folder: read as written, and ignored when they are not of its weights."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scope_parts import draw_means, make_outcome, make_row, make_scope, make_scores

from unmask.evaluation.verdict_models.evidence_model import fit_evidence
from unmask.evaluation.verdict_models.verdict_models import (
    ARRAYS,
    FACTS,
    VerdictModels,
    read_verdict_models,
    write_verdict_models,
)
from unmask.train.run_folder import clear

INFO: Any = SimpleNamespace(key="a" * 16, best_epoch=3)


@pytest.fixture
def models() -> VerdictModels:
    whole, image = fit_evidence(*make_scores(40, 2.0), seed=0), fit_evidence(*make_scores(60, 1.0), seed=0)
    return VerdictModels(
        evidence={"all": whole, "image": image, "audio": fit_evidence(*make_scores(6, 1.0), seed=0)},
        scope=make_scope(),
    )


def test_they_are_read_as_they_were_written(models: VerdictModels, tmp_path: Path):
    write_verdict_models(tmp_path, models, INFO)
    found = read_verdict_models(tmp_path, INFO)
    assert found is not None
    for part in ("all", "image", "audio"):
        assert found.evidence[part].weigh(0.7) == models.evidence[part].weigh(0.7)
        assert found.evidence[part].reason == models.evidence[part].reason
    means = draw_means(5, 7)
    np.testing.assert_array_equal(found.scope.spaces[0].measure(means), models.scope.spaces[0].measure(means))
    row, outcome = make_row(container="webp"), make_outcome(faces=4, missing=4)
    assert found.scope.judge(row, outcome, {"lite0": 99.0}) == models.scope.judge(row, outcome, {"lite0": 99.0})


def test_a_limit_that_is_infinite_stays_so(models: VerdictModels, tmp_path: Path):
    write_verdict_models(tmp_path, dataclasses.replace(models, scope=make_scope(validation=8)), INFO)
    found = read_verdict_models(tmp_path, INFO)
    assert found is not None
    assert found.scope.limit == math.inf
    json.loads((tmp_path / FACTS).read_text(), parse_constant=pytest.fail)


@pytest.mark.parametrize("about", [{"key": "b" * 16}, {"best_epoch": 4}])
def test_those_of_other_weights_are_ignored(models: VerdictModels, tmp_path: Path, about: dict[str, Any]):
    write_verdict_models(tmp_path, models, INFO)
    assert read_verdict_models(tmp_path, SimpleNamespace(**{**vars(INFO), **about})) is None  # type: ignore[arg-type]


def test_half_a_pair_and_damaged_files_are_ignored(models: VerdictModels, tmp_path: Path):
    assert read_verdict_models(tmp_path, INFO) is None
    write_verdict_models(tmp_path, models, INFO)
    content = bytearray((tmp_path / ARRAYS).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / ARRAYS).write_bytes(content)
    assert read_verdict_models(tmp_path, INFO) is None
    write_verdict_models(tmp_path, models, INFO)
    (tmp_path / FACTS).write_text("[1, 2]")
    assert read_verdict_models(tmp_path, INFO) is None


def test_training_anew_removes_them(models: VerdictModels, tmp_path: Path):
    write_verdict_models(tmp_path, models, INFO)
    clear(tmp_path)
    assert list(tmp_path.iterdir()) == []
