"""Tables that continue below instead of cutting a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.terminal.wide_table import Column, WideTable, format_plain

CELLS = ["0.912 [0.871, 0.950]", "1,234,567", "n/a"]
HEADINGS = ["AUC [95 %]", "balanced accuracy", "F1"]


def table(columns: int, *, title: str = "", names: tuple[str, ...] = ("archive", "[red]", "name " * 9)) -> WideTable:
    return WideTable(
        title=title,
        names=Column(heading="dataset", cells=names),
        columns=[Column(heading=HEADINGS[n % 3], cells=CELLS[: len(names)]) for n in range(columns)],
    )


@given(columns=st.integers(1, 12), width=st.integers(40, 200))
def test_no_cell_is_cut_and_no_line_is_too_long(columns: int, width: int):
    shown = format_plain(table(columns), width)
    assert max(map(len, shown.splitlines())) <= width
    assert [shown.count(cell) for cell in CELLS] == [columns] * 3


def test_a_table_that_fits_is_one_block_with_headings_on_one_line():
    shown = format_plain(table(2), 120)
    assert shown.splitlines()[0].split("  ") != [""]
    assert shown.splitlines()[0].endswith("balanced accuracy")
    assert shown.count("dataset") == 1


def test_each_further_block_repeats_the_names():
    shown = format_plain(table(8, names=("archive", "celeb_df")), 80)
    assert shown.count("archive") == shown.count("celeb_df") == shown.count("dataset") > 1


def test_a_name_to_copy_stays_whole_where_there_is_room():
    store = "efficientnet_lite0-b4059566e1510cce"
    assert format_plain(table(9, names=(store, "b", "c")), 80).count(store) > 1


def test_without_a_width_nothing_is_broken():
    title = "word " * 60
    lines = format_plain(table(40, title=title)).splitlines()
    assert lines[0] == title.strip()
    assert len(lines) == 2 + 1 + 3


def test_columns_of_words_wrap_beside_the_names():
    words = Column(heading="about", cells=["one two three " * 9, "short"], wraps=True)
    lines = format_plain(WideTable(names=Column(heading="preset", cells=["full", "tiny"]), columns=[words]), 60)
    assert max(map(len, lines.splitlines())) <= 60
    assert lines.split().count("three") == 9


@pytest.mark.parametrize("width", [40, 80])
def test_wide_characters_count_twice(width: int):
    shown = format_plain(table(3, names=("日本語のデータ" * 3, "b", "c")), width)
    assert shown.count(CELLS[0]) == 3
