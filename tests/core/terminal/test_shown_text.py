"""Hidden characters of names: shown as what they are, wherever a name is shown."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.terminal.shown_text import escape_hidden, escape_hidden_in_lines, format_json

SHOWN = {
    "a\nerror: b": r"a\nerror: b",
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "\x9b31m": r"\x9b31m",  # one byte begins a sequence in some terminals
    "photo\u202egpj.exe": r"photo\u202egpj.exe",
    "a\u2066b\u2069": r"a\u2066b\u2069",
    "a\u2028b": r"a\u2028b",
    "zero\u200bwidth": r"zero\u200bwidth",
    "\udcff.jpg": r"\udcff.jpg",
    "tag\U000e0041": r"tag\U000e0041",
}


@pytest.mark.parametrize(("name", "shown"), SHOWN.items())
def test_hidden_characters_are_shown(name: str, shown: str):
    assert escape_hidden(name) == shown


@pytest.mark.parametrize("name", ["Grüße an Łódź", "日本語.mp4", "می\u200cخواهم", "👩\u200d👧.png", "a b\u00a0c"])
def test_words_of_every_script_stay(name: str):
    assert escape_hidden(name) == name


def test_lines_stay_where_they_are_ours():
    assert escape_hidden_in_lines("a\tb\nc\r\x1b[2J") == "a\tb\nc\\r\\x1b[2J"


@given(st.text(st.characters()))
def test_a_name_is_one_line_that_every_terminal_takes(name: str):
    shown = escape_hidden(name)
    assert not set(shown) & {chr(code) for code in (*range(32), *range(127, 160), 0x202E, 0x2066, 0x2028)}
    assert len(f"x{shown}x".splitlines()) == 1
    shown.encode("utf-8")


@given(st.recursive(st.text(st.characters()) | st.integers() | st.none(), st.lists, max_leaves=5))
def test_json_is_read_as_what_was_written(value: object):
    text = format_json({"x": value})
    assert json.loads(text) == {"x": value}
    assert escape_hidden_in_lines(text) == text
