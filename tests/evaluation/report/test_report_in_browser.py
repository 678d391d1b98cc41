"""The report in a browser: on a phone and a desktop, light and dark, and on paper."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from browser import Layout, find_chromium, lay_out, print_pdf

from unmask.evaluation.report.page import render
from unmask.evaluation.report.page_data import PageData
from unmask.evaluation.report.stage_counts import FailureLine

PHONE, DESKTOP = 390, 1100
LONG = "a_name_without_a_space_that_is_longer_than_a_phone_is_wide_" * 2
SMALLEST = 9.0
"""CSS pixels of a letter that can be read on a phone."""
CONTRAST = 4.5
"""Least contrast of text (WCAG 2.1, level AA)."""


@pytest.fixture(scope="module")
def page(page_data: PageData) -> str:
    find_chromium()
    longer = [replace(line, name=LONG) for line in page_data.datasets]
    failures = [FailureLine("scan", f"{LONG}/{LONG}.mp4", "unreadable: " + LONG)]
    return render(replace(page_data, datasets=longer, failures=failures, settings=[("train.kinds", LONG)]))


def open_page(page: str, folder: Path, width: int, scheme: str = "light") -> Layout:
    layout = lay_out(page, folder, width=width, scheme=scheme)  # type: ignore[arg-type]
    assert layout.width == width
    return layout


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_nothing_is_wider_than_the_screen(page: str, tmp_path: Path, width: int) -> None:
    layout = open_page(page, tmp_path, width)
    assert layout.past == []
    assert layout.scrolled <= width
    assert layout.letters[0][0] >= SMALLEST
    assert layout.logged == []


def test_the_page_is_light_or_dark_as_the_reader_likes_and_its_text_stands_out(page: str, tmp_path: Path) -> None:
    light, dark = (open_page(page, tmp_path, PHONE, scheme) for scheme in ("light", "dark"))
    assert luminance(light.page) > 0.8
    assert luminance(dark.page) < 0.05
    for layout in (light, dark):
        low, high = sorted((luminance(layout.page), luminance(layout.ink)))
        assert (high + 0.05) / (low + 0.05) >= CONTRAST
    assert dark.logged == []


def test_it_prints_without_an_error(page: str, tmp_path: Path) -> None:
    pdf, logged = print_pdf(page, tmp_path)
    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 2
    assert logged == []


def test_the_measurement_sees_what_is_too_wide_too_small_and_refused(tmp_path: Path, page: str) -> None:
    """The check of the checks: a page with each fault."""
    wide = '<div style="width: 900px" class="wide">x</div>'
    small = '<svg viewBox="0 0 3600 10" width="360"><text x="0" y="8" style="font-size: 12px">tiny</text></svg>'
    layout = open_page(page.replace("<main>", f"<main>{wide}{small}<script>1</script>"), tmp_path, PHONE)
    assert any("wide" in name for name in layout.past)
    assert layout.scrolled > PHONE
    assert layout.letters[0][0] < SMALLEST
    assert any("Content Security Policy" in line for line in layout.logged)


def luminance(color: str) -> float:
    """Relative luminance of "rgb(1, 2, 3)" (WCAG 2.1)."""
    parts = [int(value) / 255 for value in re.findall(r"\d+", color)[:3]]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
