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

from unmask.core.errors import MissingInput
from unmask.core.files import sealed_arrays, sealed_files
from unmask.core.hashing import hash_file
from unmask.evaluation.verdict_models.evidence_model import fit_evidence
from unmask.evaluation.verdict_models.verdict_models import (
    ARRAYS,
    FACTS,
    VerdictModels,
    read_verdict_models,
    write_verdict_models,
)
from unmask.train.resume.earlier_training import set_aside

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


@pytest.mark.parametrize("name", [FACTS, ARRAYS])
def test_damaged_files_are_refused_with_the_remedy(models: VerdictModels, tmp_path: Path, name: str):
    assert read_verdict_models(tmp_path, INFO) is None
    write_verdict_models(tmp_path, models, INFO)
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MissingInput, match=rf"{name}: damaged(.|\n)*unmask evaluate"):
        read_verdict_models(tmp_path, INFO)
    (tmp_path / FACTS).write_text("[1, 2]")
    with pytest.raises(MissingInput, match=f"{FACTS}: damaged"):
        read_verdict_models(tmp_path, INFO)


def test_half_a_pair_is_refused(models: VerdictModels, tmp_path: Path):
    write_verdict_models(tmp_path, models, INFO)
    arrays = sealed_arrays.read_arrays(tmp_path / ARRAYS)
    sealed_arrays.write_arrays(tmp_path / ARRAYS, arrays | {"lines-all": arrays["lines-all"] + 1})
    with pytest.raises(MissingInput, match=f"{ARRAYS}: not the arrays that {FACTS} names"):
        read_verdict_models(tmp_path, INFO)
    (tmp_path / ARRAYS).unlink()
    with pytest.raises(MissingInput, match=f"{ARRAYS}: missing"):
        read_verdict_models(tmp_path, INFO)


def test_those_of_an_earlier_version_are_read(models: VerdictModels, tmp_path: Path):
    write_verdict_models(tmp_path, models, INFO)
    about, arrays = sealed_files.read_json(tmp_path / FACTS), sealed_arrays.read_arrays(tmp_path / ARRAYS)
    np.savez_compressed(tmp_path / ARRAYS, **arrays)
    (tmp_path / FACTS).write_text(json.dumps(about | {"arrays": hash_file(tmp_path / ARRAYS)}))
    assert read_verdict_models(tmp_path, INFO) is not None


def test_those_of_another_evaluation_are_refused(models: VerdictModels, tmp_path: Path):
    """An evaluation that was killed before its last file leaves them beside an earlier evaluation.json."""
    digest = write_verdict_models(tmp_path, models, INFO)
    sealed_files.write_json(tmp_path / "evaluation.json", {"files": {FACTS: digest}})
    assert read_verdict_models(tmp_path, INFO) is not None
    write_verdict_models(tmp_path, dataclasses.replace(models, scope=make_scope(validation=8)), INFO)
    with pytest.raises(MissingInput, match=r"of another evaluation than evaluation\.json(.|\n)*unmask evaluate"):
        read_verdict_models(tmp_path, INFO)


def test_training_anew_sets_them_aside(models: VerdictModels, tmp_path: Path):
    write_verdict_models(tmp_path, models, INFO)
    set_aside(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["earlier"]
