"""Scores for other programs, and back again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.csv as pa_csv
import pytest
import torch
from sklearn.metrics import roc_auc_score
from tiny_chain import Chain

from unmask.core.errors import MissingInput, UsageError
from unmask.evaluation.evaluate import evaluate
from unmask.evaluation.foreign.evaluate_scores import evaluate_scores
from unmask.evaluation.foreign.export import COLUMNS, build_logits, export_scores, merge_ties
from unmask.evaluation.foreign.threshold import choose_threshold, fit_score_threshold, guess_kind
from unmask.evaluation.predictions import read_predictions
from unmask.evaluation.results import Evaluation
from unmask.metrics.binary import balanced_accuracy
from unmask.metrics.calibration import fit_threshold


@pytest.fixture(scope="module")
def evaluation(chain: Chain) -> Evaluation:
    return evaluate(chain.run, chain.work, device=torch.device("cpu"))


@pytest.mark.parametrize("name", ["scores.csv", "scores.txt", "scores.tsv"])
def test_out_and_in_again_gives_the_same_auc_to_the_last_digit(
    chain: Chain, evaluation: Evaluation, tmp_path: Path, name: str
):
    export_scores(chain.run, tmp_path / name)
    again = evaluate_scores(tmp_path / name, chain.work)
    for row in evaluation.model.rows:
        assert again.model.row(row.name).auc == row.auc
        assert again.model.row(row.name).interval("auc") == row.interval("auc")
    same = {row.name: row["auc"] for row in evaluation.slices}
    assert {row.name: row["auc"] for row in again.slices} == same
    assert again.scored == evaluation.scored
    assert (again.model.row("pooled")["ece"] is None) == (name != "scores.csv")


def test_the_csv_has_the_ids_and_every_digit(chain: Chain, evaluation: Evaluation, tmp_path: Path):
    export_scores(chain.run, tmp_path / "scores.csv")
    table, kept = pa_csv.read_csv(tmp_path / "scores.csv"), read_predictions(chain.run)
    assert table.column_names == list(COLUMNS)
    for column in ("score", "logit", "media_id"):
        assert table.column(column).to_pylist() == kept.column(column).to_pylist()


def test_lines_for_asvspoof_are_high_for_real_files(chain: Chain, evaluation: Evaluation, tmp_path: Path):
    export_scores(chain.run, tmp_path / "scores.txt")
    kept = read_predictions(chain.run)
    fields = [line.split("\t") for line in (tmp_path / "scores.txt").read_text().splitlines()]
    places = zip(kept.column("dataset").to_pylist(), kept.column("path").to_pylist(), strict=True)
    assert [name for name, _ in fields] == [f"{dataset}/{path}" for dataset, path in places]
    real = 1 - kept.column("label").to_numpy()
    assert roc_auc_score(real, [float(score) for _, score in fields]) == evaluation.model.row("pooled").auc


def test_scores_that_tie_are_written_as_ties_and_in_their_order():
    score = np.array([1.0, 1.0, 0.5, 0.25, 0.3])
    logit = np.array([40.0, 50.0, 0.0, -1.1, -1.1])
    merged = merge_ties(score, logit)
    assert merged[0] == merged[1] == 40
    assert merged[3] < merged[4] < merged[2] < merged[0]
    assert merged[4] == pytest.approx(-1.1)


def test_an_unknown_ending_and_a_run_without_scores_are_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="no known ending"):
        export_scores(tmp_path, tmp_path / "scores.xlsx")
    with pytest.raises(MissingInput, match="no readable predictions"):
        export_scores(tmp_path, tmp_path / "scores.csv")


def test_log_odds_of_0_and_1_are_finite_and_other_scores_stay():
    logit = build_logits(np.array([0.0, 0.5, 1.0]), is_probability=True)
    assert np.isfinite(logit).all()
    assert logit[1] == 0
    assert build_logits(np.array([7.0]), is_probability=False).tolist() == [7]


def test_the_threshold_of_any_numbers_is_as_good_as_that_of_probabilities():
    random = np.random.default_rng(0)
    for _ in range(50):
        is_fake = random.random(30) < 0.5
        probability = np.round(1 / (1 + np.exp(-random.normal(size=30) - is_fake)), 2)
        expected = balanced_accuracy(is_fake, probability >= fit_threshold(is_fake, probability))
        for turn in (lambda x: x, lambda x: 50 * x - 10, lambda x: np.log(x / (1 - x + 1e-9))):
            score = turn(probability)
            assert balanced_accuracy(is_fake, score >= fit_score_threshold(is_fake, score)) == expected


def test_a_threshold_lies_between_neighboring_floats():
    low = 1.0
    high = float(np.nextafter(low, 2))
    assert fit_score_threshold(np.array([False, True]), np.array([low, high])) == high
    alike = fit_score_threshold(np.array([True, False]), np.array([low, high]))
    assert alike in (low, float(np.nextafter(high, 2)))


def test_what_kind_of_score_it_is():
    inside, outside = np.array([0.0, 1.0]), np.array([0.5, -0.1])
    assert guess_kind(inside, "fake") == "probability"
    assert guess_kind(inside, "real") == "raw", "ASVspoof's scores may lie in 0..1 by chance"
    assert guess_kind(outside, "fake") == "raw"
    nothing = np.zeros(0, np.bool_), np.zeros(0)
    assert choose_threshold("probability", *nothing).undefined == frozenset()
    assert "ece" in choose_threshold("logit", *nothing).undefined
    assert {"ece", "recall"} < choose_threshold("raw", *nothing).undefined
