"""The example of docs/add-a-metric.md."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from guides import code_blocks, execute_block
from made_evaluation import Made, make_evaluation, make_page_data

from unmask.evaluation.ablation.ablation_table import list_figures
from unmask.evaluation.report.page import render
from unmask.evaluation.results import FILE, Evaluation, read_evaluation, write_evaluation
from unmask.evaluation.terminal_table import format_evaluation, number
from unmask.metrics import binary


@pytest.fixture
def with_mcc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Made:
    """An evaluation after the guide's entry was added."""
    (block,) = code_blocks("add-a-metric.md")
    monkeypatch.setattr(binary, "METRICS", (*binary.METRICS, execute_block(block, "mcc").MCC))
    return make_evaluation(tmp_path)


def mcc_worked_out(made: Made) -> float:
    """The correlation of two columns of 0 and 1."""
    return float(np.corrcoef(made.scores.score >= 0.5, made.items.is_fake)[0, 1])


def test_a_metric_of_the_guide_is_in_every_table(with_mcc: Made, tmp_path: Path) -> None:
    evaluation, expected = with_mcc.evaluation, mcc_worked_out(with_mcc)
    write_evaluation(tmp_path, evaluation)
    rows = json.loads((tmp_path / FILE).read_text())["model"]["rows"]
    assert rows[-1]["mcc"] == pytest.approx(expected)
    assert all("mcc" in row for row in rows)
    assert read_evaluation(tmp_path) == evaluation

    text = format_evaluation(evaluation)
    assert "MCC" in text
    pooled = next(line for line in text.splitlines() if line.strip().startswith("pooled")).split()
    assert pooled[-1] == number(expected)

    page = render(make_page_data(with_mcc))
    assert re.search(r'<th scope="col"><a class="term" href="#term-mcc" title="[^"]+">MCC</a></th>', page)
    assert ("macro", "mcc", "macro MCC") in list_figures()
    assert binary.measure([True, False], [1.0, 0.0])["mcc"] == 1.0


def test_an_evaluation_from_before_the_metric_was_added_reads_as_none(
    with_mcc: Made, made: Made, tmp_path: Path
) -> None:
    values = json.loads(json.dumps(made.evaluation.as_json()))
    for table in (values["model"], *values["controls"]):
        for row in table["rows"]:
            row.pop("mcc", None)
    (tmp_path / FILE).write_text(json.dumps(values))
    old: Evaluation = read_evaluation(tmp_path)
    assert old.model.row("pooled")["mcc"] is None
    assert old.model.row("pooled").auc == made.evaluation.model.row("pooled").auc
    assert "n/a" in format_evaluation(old)


def test_the_keys_of_a_row_are_the_metrics_and_their_intervals(made: Made) -> None:
    assert list(made.evaluation.as_json()["model"]["rows"][0]) == [
        *("name", "n_real", "n_fake", "groups", "auc", "auc_interval", "eer", "ap", "accuracy"),
        *("balanced_accuracy", "balanced_accuracy_interval", "precision", "recall", "f1", "ece"),
        *("brier", "tpr_at_fpr_1", "tpr_at_fpr_5", "min_dcf"),
    ]
