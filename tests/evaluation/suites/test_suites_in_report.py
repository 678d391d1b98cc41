"""Results of suites, read back from their files, and their section of the report."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

from made_suites import make

from unmask.evaluation.report.page import render
from unmask.evaluation.report.page_data import PageData
from unmask.evaluation.suites.cell import FrameFigures
from unmask.evaluation.suites.newest_suites import find_newest_suites
from unmask.evaluation.suites.suite_files import write_suite

PAIRS = {"within a": 0.9, "within b_2": 0.8, "a -> b_2": 0.6, "b_2 -> a": None}


def test_of_each_suite_the_newest_with_the_preset_is_read_back_whole(tmp_path: Path):
    old, new = make("matrix", PAIRS), make("matrix", PAIRS | {"a -> b_2": 0.7})
    framed = make("ffpp-cross", {"celeb_df": 0.7})
    figures = FrameFigures(auc=0.71, video_auc=0.72, frames=9, videos=3)
    framed = replace(framed, cells=tuple(replace(cell, frames=figures, interval=(0.5, 0.9)) for cell in framed.cells))
    for time, (folder, result) in enumerate({"old": old, "new": new, "framed": framed}.items()):
        write_suite(tmp_path / folder, result)
        os.utime(tmp_path / folder / "suite.json", (time, time))
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "suite.json").write_text("{")
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "suite.json").write_text(json.dumps(new.as_json() | {"version": 99}))
    assert find_newest_suites(tmp_path, "full") == [framed, new]
    assert find_newest_suites(tmp_path, "gend") == []


def test_the_page_shows_a_map_and_the_means_of_each_suite(page_data: PageData):
    assert 'id="suites"' not in render(page_data)
    page = render(replace(page_data, suites=[make("matrix", PAIRS)]))
    section = page[page.index('id="suites"') : page.index('id="run"')]
    assert section.count("<svg") == 1
    assert "full, mean" in section
    assert ">1 of 2<" in section, "the diagonal does not count, and one pair has no figures"
    assert ">0.650 ± 0.071<" in section
