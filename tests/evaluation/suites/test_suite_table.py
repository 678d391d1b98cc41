"""The table of a suite, on made results: means, deviations, empty cells, and names of any kind."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_suites import make

from unmask.core.terminal.wide_table import format_plain
from unmask.evaluation.suites.cell import FrameFigures
from unmask.evaluation.suites.registry import parse_suite
from unmask.evaluation.suites.results import average_cells, list_figures
from unmask.evaluation.suites.suite_files import FORMS, draw_heat_maps
from unmask.evaluation.suites.suite_table import make_table, render_suite, write_notes
from unmask.result_tables.suite_table import SuiteTable

AUCS = {"within a": 0.99, "within b_2": 0.98, "a -> b_2": 0.7, "b_2 -> a": 0.6}


def test_a_grid_has_the_means_of_its_rows_and_columns_without_the_diagonal():
    table = make_table(make("matrix", AUCS))
    assert table.headings == ["trained on", "a", "b_2", "mean"]
    (group,) = table.groups
    shown = [[cell.split(" ")[0] for cell in row] for row in group.rows]
    assert shown == [
        ["a", "1.040", "0.750", "0.750"],
        ["b_2", "0.650", "1.030", "0.650"],
        ["mean", "0.650", "0.750", "0.700"],
    ]
    assert group.rows[2][3] == "0.700 ± 0.071"


def test_an_empty_cell_is_a_dash_with_a_reason_and_not_part_of_the_mean():
    result = make("loo", {"others -> a": 0.8, "others -> b_2": None})
    (group,) = make_table(result).groups
    assert group.rows[0][1:3] == ["20+30", "0.850 ± 0.071"]
    assert group.rows[1][1:3] == ["-", "-"]
    assert group.rows[2][2] == "0.850 ± 0.071"
    assert "-: no <real> files: others -> b_2." in write_notes(result)


def test_the_mean_is_over_the_splits_that_every_seed_has():
    result = make("loo", {"others -> a": 0.8, "others -> b_2": 0.4})
    result = replace(result, cells=result.cells[:3])
    mean = average_cells(result, "full", list_figures(result)[0])
    assert mean is not None
    assert (mean.mean, mean.seeds) == (pytest.approx(0.85), 2)


def test_frame_and_video_auc_stand_side_by_side_under_their_names():
    names = [split.name for split in parse_suite("ffpp-cross").list_splits(())]
    result = make("ffpp-cross", dict.fromkeys(names, 0.8))
    frames = FrameFigures(auc=0.6, video_auc=0.7, frames=90, videos=30)
    result = replace(result, cells=tuple(replace(cell, frames=frames) for cell in result.cells))
    table = make_table(result)
    assert table.headings[2:5] == ["frame AUC", "video AUC", "video AUC (mean of frames)"]
    row = table.groups[0].rows[0]
    assert row[0] == "FF++ c23 -> Celeb-DF-v2 (official test list)"
    assert [cell[:5] for cell in row[2:5]] == ["0.600", "0.850", "0.700"]


@pytest.mark.parametrize("suite", ["loo", "matrix"])
def test_every_form_is_complete_and_escaped(suite: str):
    values = AUCS if suite == "matrix" else {"others -> a": 0.8, "others -> b_2": None}
    result = make(suite, values, ("full", "50%_off"))
    page, tex, markdown = (FORMS[name](result) for name in ("suite.html", "table.tex", "table.md"))
    HTMLParser().feed(page)
    assert "http" not in page.replace("http-equiv", "")
    assert "<real>" not in page
    assert page.count("<svg") == (2 if suite == "matrix" else 1)
    body = [line for line in tex.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert len(body) == 1 + 2 * 3
    assert len({line.count(" & ") for line in body}) == 1
    assert r"\textit{50\%\_off}" in tex
    assert tex.count(r"\midrule") == 2
    assert len({line.count("|") for line in markdown.splitlines() if line.startswith("|")}) == 1
    assert "50%_off" in format_plain(render_suite(result), 80)


def test_a_heat_map_has_a_cell_per_figure_and_a_dash_for_none():
    ((_, svg),) = draw_heat_maps(make("loo", {"others -> a": 0.8, "others -> b_2": None}))
    assert svg.count("<rect") == 3
    assert "others -&gt; a, full: 0.85" in svg
    assert "others -&gt; b_2, full: -" in svg


def test_small_splits_are_named_and_have_a_mean_without_them():
    result = make("loo", {"others -> a": 0.8, "others -> b_2": 0.4})
    cells = [replace(cell, n_real=1) if cell.split == "others -> b_2" else cell for cell in result.cells]
    result = replace(result, cells=tuple(cells))
    (group,) = make_table(result).groups
    assert [(row[0], row[2][:5]) for row in group.rows[2:]] == [("mean", "0.650"), ("mean 5+", "0.850")]
    assert "Fewer than 5 real or fake test items, mostly luck: others -> b_2." in write_notes(result)
    assert [row["AUC"] for row in SuiteTable(result, Path()).as_rows()] == pytest.approx([0.85, 0.45, 0.65, 0.85])
