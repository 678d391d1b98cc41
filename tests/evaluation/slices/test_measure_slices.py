"""Figures of the slices, their file, their table and their section of the report."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_evaluation import Made
from sklearn.metrics import roc_auc_score
from test_slice_kinds import media

from unmask.core.errors import ItemsFailed
from unmask.core.files import sealed_files
from unmask.core.terminal.wide_table import format_plain
from unmask.evaluation.item_set import ItemSet
from unmask.evaluation.predictions import Predictions
from unmask.evaluation.report.page import render
from unmask.evaluation.report.page_data import PageData
from unmask.evaluation.results import UNREAD, read_evaluation, write_evaluation
from unmask.evaluation.slices.coverage import check_coverage, describe_coverage
from unmask.evaluation.slices.measure import measure_slices
from unmask.evaluation.slices.results import SliceRow
from unmask.evaluation.terminal_table import format_evaluation, render_evaluation

CATEGORIES = [(0, False, False), (1, False, True), (1, True, False), (1, True, True)]


@pytest.fixture(scope="module")
def drawn() -> tuple[ItemSet, Predictions]:
    random = np.random.default_rng(0)
    rows = [
        media(number, "a", label, video_fake=video, audio_fake=audio, method="none" if not label else f"m{number % 2}")
        for number in range(80)
        for label, video, audio in [CATEGORIES[number % 4]]
    ]
    rows += [media(100 + number, "fakes", 1, method="lone") for number in range(6)]
    nothing = np.full(len(rows), np.nan)
    image = random.random(len(rows)) + np.array([0.5 * bool(row.video_fake) for row in rows])
    audio = np.where(np.arange(len(rows)) < 80, random.random(len(rows)), np.nan)
    score = random.random(len(rows)) + np.array([0.3 * (row.label or 0) for row in rows])
    return ItemSet(tuple(rows)), Predictions(nothing, score, image, audio, np.ones(len(rows), np.int64))


@pytest.fixture(scope="module")
def rows(drawn: tuple[ItemSet, Predictions]) -> tuple[SliceRow, ...]:
    return measure_slices(*drawn, 0.5, seed=0, undefined={"ece"})


def pick(rows: tuple[SliceRow, ...], name: str) -> SliceRow:
    return next(row for row in rows if row.name == name)


def test_a_row_has_the_figures_of_its_items_alone(
    drawn: tuple[ItemSet, Predictions], rows: tuple[SliceRow, ...]
) -> None:
    items, scores = drawn
    row = pick(rows, "fake video, real audio")
    chosen = np.array([(one.video_fake, one.audio_fake) in ((False, False), (True, False)) for one in items.rows])
    fakes = items.is_fake[chosen]
    assert (row.n_real, row.n_fake, row.groups) == (20, 20, 40)
    assert row["auc"] == roc_auc_score(fakes, scores.score[chosen])
    assert row.image_auc == roc_auc_score(fakes, scores.video_score[chosen])
    assert row.audio_auc == roc_auc_score(fakes, scores.audio_score[chosen])
    assert row["recall"] == np.mean(scores.score[chosen][fakes] >= 0.5)
    assert row.auc_interval is not None
    assert row.auc_interval[0] < (row["auc"] or 0) < row.auc_interval[1]
    assert row["ece"] is None, "named as undefined"


def test_part_scores_are_only_in_rows_of_categories(rows: tuple[SliceRow, ...]) -> None:
    assert {row.kind for row in rows if row.image_auc is not None} == {"category"}


def test_a_slice_of_one_class_keeps_its_row_with_the_reason(rows: tuple[SliceRow, ...]) -> None:
    fakes, real = pick(rows, "lone"), pick(rows, "real video, real audio")
    assert (fakes.n_real, fakes.n_fake, fakes["auc"], fakes.reason) == (0, 6, None, "only fake items")
    assert fakes["recall"] is not None
    assert (real["auc"], real.auc_interval, real.image_auc, real.reason) == (None, None, None, "only real items")
    assert pick(rows, "m1").reason is None


def test_equal_seeds_give_equal_intervals(drawn: tuple[ItemSet, Predictions], rows: tuple[SliceRow, ...]) -> None:
    assert measure_slices(*drawn, 0.5, seed=0, undefined={"ece"}) == rows


def test_slices_and_coverage_are_kept_in_the_file(made: Made, rows: tuple[SliceRow, ...], tmp_path: Path) -> None:
    evaluation = replace(made.evaluation, slices=rows)
    write_evaluation(tmp_path, evaluation)
    assert read_evaluation(tmp_path) == evaluation
    path = tmp_path / "evaluation.json"
    value = sealed_files.read_json(path)
    assert value["expected"] == evaluation.scored + 1
    assert value["coverage"] == evaluation.scored / value["expected"]
    for added in ("slices", "expected", "coverage"):
        del value[added]
    path.write_text(json.dumps(value))
    assert read_evaluation(tmp_path) == made.evaluation, "a file of an earlier version"


def test_the_terminal_has_one_line_and_the_whole_table_when_asked(made: Made, rows: tuple[SliceRow, ...]) -> None:
    evaluation = replace(made.evaluation, slices=rows)
    short, long = format_evaluation(evaluation), format_plain(render_evaluation(evaluation, slices=True), 200)
    assert f"{len(rows)} slices" in short
    assert "fakes: lone" not in short
    line = next(line for line in long.splitlines() if line.startswith("fakes: lone"))
    assert line.split()[2:5] == ["0", "6", "-"]
    assert line.rstrip().endswith("only fake items")
    worst = min((row for row in rows if row["auc"] is not None), key=lambda row: row["auc"] or 0)
    assert f"the lowest AUC is {worst['auc']:.3f} ({worst.dataset}: {worst.name})" in short
    assert "slices" not in format_evaluation(made.evaluation)


def test_the_report_has_a_table_per_kind(page_data: PageData, rows: tuple[SliceRow, ...]) -> None:
    html = render(replace(page_data, evaluation=replace(page_data.evaluation, slices=rows)))
    section = html.split('<section id="slices">')[1].split("</section>")[0]
    assert section.count("<table") == len({row.kind for row in rows})
    assert "only fake items" in section
    for table in section.split("<table")[1:]:
        headings = re.findall(r'<th scope="col"', table)
        cells = [row.count("<td") + 1 for row in table.split("<tr")[2:]]
        assert set(cells) == {len(headings)}
    assert "expected files have a score" in section
    assert "No slices" in render(page_data)


def test_what_holds_nothing_to_read_is_not_expected(made: Made) -> None:
    scored = made.evaluation.scored
    lost = {"a/1": "unreadable: no", "a/2": UNREAD, "a/3": f"{UNREAD} (the audio cannot be decoded)"}
    evaluation = replace(made.evaluation, failures=lost, given=made.evaluation.given + 2)
    assert evaluation.expected == scored + 2
    assert describe_coverage(evaluation) == (
        f"coverage {scored / (scored + 2):.3f}: {scored} of {scored + 2} expected files have a score; "
        "1 more hold nothing that it reads"
    )


def test_a_coverage_below_the_minimum_is_an_error_of_exit_code_3(made: Made) -> None:
    coverage = made.evaluation.coverage
    check_coverage(made.evaluation, coverage)
    with pytest.raises(ItemsFailed, match="--min-coverage 1") as caught:
        check_coverage(made.evaluation, 1.0)
    assert caught.value.exit_code == 3


def test_many_parts_of_few_files_are_folded_away(page_data: PageData, rows: tuple[SliceRow, ...]) -> None:
    (large, alone) = (pick(rows, "m1"), pick(rows, "lone"))
    small = [replace(large, name=f"tiny{number}", n_fake=2) for number in range(12)]
    html = render(replace(page_data, evaluation=replace(page_data.evaluation, slices=(large, alone, *small))))
    shown, folded = html.split('<section id="slices">')[1].split("</section>")[0].split("<details>")
    assert ">a: m1<" in shown
    assert ">fakes: lone<" in shown, "it says why it has no AUC"
    assert "tiny" not in shown
    assert "12 parts with fewer than five files of a class" in folded
    assert folded.count('<tr class="few">') == 12
