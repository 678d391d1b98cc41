"""An ensemble is evaluated, reported and used to predict like any other run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny_chain import CPU, Chain, config

from unmask.api import Work
from unmask.core.errors import MissingInput, UsageError
from unmask.core.files import sealed_files
from unmask.evaluation.open_run import open_run
from unmask.evaluation.predictions import read_predictions
from unmask.run import Run


@pytest.fixture(scope="module")
def ensemble(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Run:
    work = Work(shutil.copytree(chain.work.root, tmp_path_factory.mktemp("ensemble") / "work"))
    return work.train(config(), ensemble=2, device="cpu")


def score(chain: Chain, run: Run) -> dict[str, float]:
    """media_id -> logit."""
    opened = open_run(run.folder, chain.work, chain.manifest, CPU)
    numbers = opened.list_scorable()
    predictions, _ = opened.score(list(numbers.values()), device=CPU)
    return dict(zip(sorted(numbers, key=lambda media_id: numbers[media_id]), predictions.logit.tolist(), strict=True))


def test_evaluate_report_and_predict_take_the_mean_of_the_members(chain: Chain, ensemble: Run):
    work = Work(ensemble.folder.parents[1])
    assert work.run().name == work.run(ensemble=2).name == ensemble.name
    evaluation = work.evaluate(device="cpu").details
    assert (evaluation.run, evaluation.model.threshold) == (ensemble.name, ensemble.summary.validation["threshold"])
    assert evaluation.model.about.startswith("mean of 2 runs")
    mean = read_predictions(ensemble.folder).to_pydict()
    own = [score(chain, run) for run in ensemble.members]
    assert mean["logit"] == pytest.approx([np.mean([one[item] for one in own]) for item in mean["media_id"]], rel=1e-4)
    page = work.report().read_text(encoding="utf-8")
    assert all(member.name in page for member in ensemble.members)
    assert "train --preset full --seed 0 --ensemble 2" in page
    rows = {row.media_id: row for row in chain.manifest.rows()}
    (verdict,) = work.predict([chain.manifest.locate(rows[mean["media_id"][0]])], device="cpu")
    assert (verdict.run, verdict.verdict) == (ensemble.name, mean["verdict"][0])
    assert verdict.score == pytest.approx(mean["score"][0], abs=1e-3)
    row = next(row for row in work.runs().as_rows() if row["run"] == ensemble.name)
    assert (row["purpose"], row["members"], row["evaluated"]) == ("train", 2, "test")


def test_an_ensemble_that_is_not_there_is_named_with_the_remedy(ensemble: Run):
    work = Work(ensemble.folder.parents[1])
    with pytest.raises(MissingInput, match="no ensemble of 3 members\nhint: unmask train --ensemble 3"):
        work.run(ensemble=3)
    with pytest.raises(UsageError, match="both a run and an ensemble"):
        work.run(ensemble.name, ensemble=2)


def test_an_ensemble_of_another_split_is_refused(ensemble: Run):
    about = sealed_files.read_json(ensemble.folder / "inputs.json")
    other = Path(shutil.copytree(ensemble.folder, ensemble.folder.parent / "other"))
    (other / "inputs.json").write_text(json.dumps(about | {"split_hash": "another"}))
    with pytest.raises(MissingInput, match="trained on split another"):
        Work(ensemble.folder.parents[1]).evaluate("other", device="cpu")
