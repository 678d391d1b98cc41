from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.goals.sections import has_section, read_section, replace_section
from unmask.core.errors import MissingInput

TEXT = """before
<!-- begin one: written by a command, see there -->
old
<!-- end one -->
after
"""


def test_only_the_section_is_replaced(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(TEXT)
    replace_section(page, "one", "new\n")
    assert page.read_text() == TEXT.replace("old", "new")
    assert read_section(page, "one") == "new\n"


def test_a_missing_section_is_an_error(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(TEXT)
    assert has_section(page, "one")
    assert not has_section(page, "two")
    with pytest.raises(MissingInput, match="no section two"):
        replace_section(page, "two", "new")
