"""Every row of an ablation minus its base, over the same items and seeds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_evaluation import Made
from made_runs import make_runs

from unmask.core.errors import UsageError
from unmask.evaluation.ablation import differences
from unmask.evaluation.ablation.ablation_table import AblationRow
from unmask.evaluation.ablation.differences import add_differences, choose_base
from unmask.evaluation.compare.compare import compare_scores
from unmask.evaluation.compare.paired_items import ScoredRun, pair_items
from unmask.evaluation.compare.results import MetricDifference
from unmask.metrics.holm import correct_p_values

SKILLS = {"linear-s0": 0.8, "linear-s1": 0.9, "full-s0": 2.5, "full-s1": 1.5, "twin-s0": 0.8, "twin-s1": 0.9}


@pytest.fixture(scope="module")
def runs(made: Made) -> dict[str, ScoredRun]:
    return {run.name: run for run in make_runs(made, SKILLS)}


def row(preset: str, *, items: str = "same") -> AblationRow:
    names = tuple(name for name in SKILLS if name.startswith(preset))
    return AblationRow(preset=preset, runs=names, items=300, same_items=items, figures={}, datasets={})


def compare(
    runs: dict[str, ScoredRun], monkeypatch: pytest.MonkeyPatch, *rows: AblationRow
) -> dict[str, dict[str, MetricDifference]]:
    evaluated = {one.preset: [runs[name].evaluation for name in one.runs] for one in rows}
    monkeypatch.setattr(differences, "load_scored_run", lambda folder, name, evaluation: runs[name])
    found = add_differences(rows, "linear", evaluated, Path("runs"))
    assert [one.preset for one in found] == [one.preset for one in rows]
    return {one.preset: one.differences for one in found}


def test_differences_are_means_over_the_seeds_of_paired_differences(runs, monkeypatch):
    found = compare(runs, monkeypatch, row("linear"), row("full"), row("twin"))
    assert found["linear"] == {}
    apart = []
    for seed in range(2):
        paired = pair_items([runs[f"linear-s{seed}"], runs[f"full-s{seed}"]])
        apart.append(compare_scores(paired).runs[0].row("pooled").get("auc").difference)
    pooled = found["full"]["pooled AUC"]
    assert pooled.difference == pytest.approx(np.mean(apart))
    assert pooled.deviation == pytest.approx(np.std(apart, ddof=1))
    assert pooled.is_shown
    assert not found["twin"]["pooled AUC"].is_shown
    ps = [found[name]["macro AUC"].p for name in ("full", "twin")]
    assert [found[name]["macro AUC"].corrected for name in ("full", "twin")] == correct_p_values(ps)


def test_a_mean_over_seeds_is_surer_than_one_seed(runs, monkeypatch):
    two = compare(runs, monkeypatch, row("linear"), row("full"))["full"]["pooled AUC"].interval
    one = replace(row("linear"), runs=("linear-s0",)), replace(row("full"), runs=("full-s0",))
    single = compare(runs, monkeypatch, *one)["full"]["pooled AUC"]
    assert single.deviation is None
    assert two[1] - two[0] < single.interval[1] - single.interval[0]


def test_a_row_of_other_items_or_seeds_is_not_compared(runs, monkeypatch):
    other, fewer = row("full", items="other"), replace(row("twin"), runs=("twin-s0",))
    assert compare(runs, monkeypatch, row("linear"), other, fewer) == {"linear": {}, "full": {}, "twin": {}}


def test_the_base_is_linear_unless_another_row_is_named():
    assert choose_base(["full", "linear"], None) == "linear"
    assert choose_base(["late", "full"], None) == "late"
    assert choose_base(["linear", "full"], "full") == "full"
    with pytest.raises(UsageError, match=r"--base ful: not compared here\nhint: --base with one of: linear, full"):
        choose_base(["linear", "full"], "ful")
