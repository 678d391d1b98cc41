"""CSV of ours: no cell calculates anything, and every cell is read as it was."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.files.csv_tables import FORMULA, format_rows, guard_cell, unguard_cell

ROOT = Path(__file__).parents[3]
WRITERS = {"core/files/csv_tables.py", "demo/lists.py", "unmask/result_tables/verdict_table.py"}
"""Those that write rows by `guard_cell`, and the demo corpus, whose lists are those of the datasets."""
PRODUCT = ("core", "media", "metrics", "demo", "manifests", "preprocess", "cache", "train", "evaluation", "unmask")


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_text_is_a_formula(text: str):
    (row,) = csv.reader(io.StringIO(format_rows([[text, 1.5, None]]), newline=""))
    assert row == [f"'{text}", "1.5", ""]


def test_negative_numbers_are_numbers():
    assert format_rows([[-0.25, -3]]) == "-0.25,-3\n"


@given(st.text())
def test_a_guarded_text_comes_back(text: str):
    guarded = guard_cell(text)
    assert not str(guarded).startswith(FORMULA)
    if not text.startswith("'"):
        assert unguard_cell(str(guarded)) == text


def test_every_table_is_written_by_this_module():
    used = {
        path.relative_to(ROOT).as_posix()
        for folder in PRODUCT
        for path in (ROOT / folder).rglob("*.py")
        if "csv.writer(" in (text := path.read_text(encoding="utf-8")) or "csv.DictWriter(" in text
    }
    assert used <= WRITERS
