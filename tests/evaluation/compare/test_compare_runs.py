"""Differences between runs: known ones are found, equal runs are equal, and what cannot be compared is refused."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_evaluation import Made
from made_runs import make_runs

from unmask.core.errors import UsageError
from unmask.core.terminal.wide_table import format_plain
from unmask.evaluation.compare.compare import compare_runs, compare_scores
from unmask.evaluation.compare.files import FORMS, write_comparison
from unmask.evaluation.compare.paired_items import ScoredRun, pair_items
from unmask.evaluation.compare.results import RunComparison
from unmask.evaluation.compare.table import render_comparison
from unmask.metrics import binary
from unmask.metrics.delong import compare_aucs

SKILLS = {"linear-s0": 0.8, "full-s0": 3.0, "twin-s0": 0.8, "worse-s0": -1.5}


@pytest.fixture(scope="module")
def runs(made: Made) -> list[ScoredRun]:
    return make_runs(made, SKILLS)


@pytest.fixture(scope="module")
def found(runs: list[ScoredRun]) -> RunComparison:
    return compare_scores(pair_items(runs))


def test_known_differences_are_found_and_said(found: RunComparison):
    assert [run.outcome for run in found.runs] == ["better", "not shown", "worse"]
    better, same, worse = (run.meaning for run in found.runs)
    assert better.startswith("full-s0 is better than linear-s0: macro 5+ AUC 0.")
    assert "after Holm's correction for 3 runs" in better
    assert same.startswith("twin-s0 is not shown to differ from linear-s0: ")
    assert worse.startswith("worse-s0 is worse than linear-s0: ")


def test_every_value_is_that_of_the_metric(found: RunComparison, runs: list[ScoredRun]):
    pooled = found.runs[0].row("pooled")
    for metric in binary.METRICS:
        base, run = (metric(one.is_fake, one.score, 0.5) for one in runs[:2])
        assert pooled.get(metric.name).difference == pytest.approx(run - base)
        assert pooled.get(metric.name).interval is not None


def test_means_are_over_the_datasets_with_both_classes(found: RunComparison):
    run = found.runs[0]
    assert run.row("fakes_only").get("auc").difference is None
    assert run.row("fakes_only").get("recall").difference is not None
    each = [run.row(name).get("auc").difference for name in ("near", "far")]
    assert run.row("macro").get("auc").difference == pytest.approx(np.mean(each))
    assert run.row("macro").delong is None
    assert run.row("fakes_only").delong is None


def test_p_is_corrected_for_the_runs(found: RunComparison):
    ps = [run.row("pooled").get("auc").p for run in found.runs]
    assert min(ps) == pytest.approx(2 / 2001), "twice the smallest share that 2,000 resamples can tell"
    corrected = [run.row("pooled").get("auc").corrected for run in found.runs]
    assert corrected[0] == pytest.approx(3 * ps[0])
    assert all(one >= other for one, other in zip(corrected, ps, strict=True))


def test_the_same_seed_gives_the_same_figures(found: RunComparison, runs: list[ScoredRun]):
    assert compare_scores(pair_items(runs)) == found
    assert compare_scores(pair_items(runs), seed=1) != found


def test_a_difference_does_not_depend_on_the_other_runs(found: RunComparison, runs: list[ScoredRun]):
    alone = compare_scores(pair_items([runs[0], runs[3]])).runs[0].row("macro").get("auc")
    assert alone == replace(found.runs[2].row("macro").get("auc"), corrected=alone.p)


def test_equal_scores_differ_by_nothing(runs: list[ScoredRun]):
    same = compare_scores(pair_items([runs[0], replace(runs[0], name="copy")])).runs[0]
    assert same.outcome == "not shown"
    for row in same.rows:
        for one in row.metrics:
            assert one.difference in (0, None)
            assert one.interval in ((0, 0), None)
            assert one.p in (1, None)


def test_on_independent_items_the_bootstrap_agrees_with_delong(made: Made):
    base, run = make_runs(made, {"a": 0.8, "b": 1.4}, count=900, seed=4)
    row = compare_scores(pair_items([base, run])).runs[0].row("pooled")
    low, high = row.get("auc").interval
    assert row.delong.difference == pytest.approx(row.get("auc").difference)
    assert high - low == pytest.approx(row.delong.interval[1] - row.delong.interval[0], rel=0.1)


def test_copies_within_a_group_do_not_make_a_difference_surer(made: Made):
    once = make_runs(made, {"a": 0.8, "b": 1.1}, count=300, seed=2)
    copied = make_runs(made, {"a": 0.8, "b": 1.1}, count=1800, per_group=6, seed=2)
    wide, copies = (compare_scores(pair_items(one)).runs[0].row("pooled") for one in (once, copied))
    spans = [row.get("auc").interval[1] - row.get("auc").interval[0] for row in (wide, copies)]
    assert spans[1] == pytest.approx(spans[0], rel=0.25)
    blind = copies.delong.interval[1] - copies.delong.interval[0]
    assert blind < 0.5 * spans[1], "DeLong takes the copies as independent"


def test_groups_of_two_scans_are_joined(runs: list[ScoredRun]):
    base, run = runs[:2]
    pairs = replace(run, group=np.array([f"other{at // 2}" for at in range(len(run.items))]))
    paired = pair_items([base, pairs])
    assert len(np.unique(paired.group)) == len(paired) / 2
    assert (paired.group[::2] == paired.group[1::2]).all()
    renamed = replace(run, group=np.array([f"x-{name}" for name in run.group]))
    assert len(np.unique(pair_items([base, renamed]).group)) == len(base.items)


def test_different_items_are_refused_or_the_common_ones_compared(runs: list[ScoredRun]):
    base, run = runs[0], runs[1].take(runs[1].items[10:])
    more = base.take(base.items[:295])
    with pytest.raises(UsageError) as refused:
        pair_items([more, run])
    assert "10 of the 295 items of linear-s0 are missing in full-s0" in refused.value.problem
    assert "5 of the 290 items of full-s0 are missing in linear-s0" in refused.value.problem
    assert refused.value.hint == "--common compares them on the 285 items that all of them scored"
    paired = pair_items([more, run], common=True)
    assert (len(paired), paired.left_out) == (285, (10, 5))
    assert paired.runs[0].items == paired.runs[1].items
    notes = compare_scores(paired).notes
    assert notes[0] == (
        "Only the 285 items that all runs scored are compared; left out: 10 of linear-s0, 5 of full-s0."
    )
    with pytest.raises(UsageError, match="no item was scored by all"):
        pair_items([base.take(base.items[:5]), run], common=True)


def test_another_order_of_the_items_changes_nothing(found: RunComparison, runs: list[ScoredRun]):
    turned = [runs[0], *(run.take(run.items[::-1]) for run in runs[1:])]
    assert compare_scores(pair_items(turned)) == found


def test_other_labels_and_splits_are_refused(runs: list[ScoredRun]):
    base, run = runs[:2]
    with pytest.raises(UsageError, match=r"different labels of near/0.mp4, far/1.mp4, fakes_only/2.mp4 and 297 more"):
        pair_items([base, replace(run, is_fake=~run.is_fake)])
    val = replace(run, evaluation=replace(run.evaluation, split="val"))
    with pytest.raises(UsageError, match="linear-s0 is evaluated on test, full-s0 on val"):
        pair_items([base, val], common=True)


def test_one_run_is_no_comparison(tmp_path: Path):
    for given in ([tmp_path], [tmp_path, tmp_path / "../" / tmp_path.name]):
        with pytest.raises(UsageError, match="two runs or more, each once"):
            compare_runs(given)


def test_few_groups_show_nothing(made: Made):
    base, run = (one.take(one.items[:12]) for one in make_runs(made, {"a": 0.0, "b": 9.0}))
    few = [replace(one, group=np.array(["g0", "g1"] * 6)) for one in (base, run)]
    only = compare_scores(pair_items(few)).runs[0]
    assert only.outcome == "not shown"
    assert only.meaning.endswith("fewer than three groups per class.")


def test_the_table_and_the_files_have_every_run_and_row(found: RunComparison, tmp_path: Path):
    text = format_plain(render_comparison(found))
    narrow = format_plain(render_comparison(found), 80)
    assert max(map(len, narrow.splitlines())) <= 80
    for run in found.runs:
        assert f"- {run.meaning}" in text
    write_comparison(tmp_path / "out", found)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"comparison.json", *FORMS}
    about = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert (about["version"], about["base"], len(about["runs"])) == (1, "linear-s0", 3)
    lines = [*csv.DictReader((tmp_path / "out" / "comparison.csv").read_text().splitlines())]
    assert len(lines) == 3 * 6 * len(binary.METRICS)
    auc = next(line for line in lines if (line["dataset"], line["metric"]) == ("pooled", "auc"))
    assert float(auc["difference"]) == found.runs[0].row("pooled").get("auc").difference
    assert float(auc["delong_p"]) == found.runs[0].row("pooled").delong.p
    markdown = (tmp_path / "out" / "comparison.md").read_text()
    assert len([line for line in markdown.splitlines() if line.startswith("| full-s0 | ")]) == 2 * 6
    latex = (tmp_path / "out" / "comparison.tex").read_text()
    assert latex.count(r"\midrule") == 3
    assert r"fakes\_only & 0 & 100 & n/a" in latex
    worse = next(line for line in latex.splitlines() if line.startswith("worse-s0 & pooled"))
    assert " & $-$0." in worse
    assert "[$-$0." in worse


def test_delong_beside_is_that_of_the_two_scores(found: RunComparison, runs: list[ScoredRun]):
    assert found.runs[0].row("pooled").delong == compare_aucs(runs[0].is_fake, runs[1].score, runs[0].score)
