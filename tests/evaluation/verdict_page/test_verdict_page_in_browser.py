"""The page of verdicts in a browser: on a phone and a desktop, light and dark, and on paper."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from browser import Layout, find_chromium, lay_out, print_pdf
from made_verdicts import HOSTILE, LONG, make_bare, make_custody, make_full

from unmask.evaluation.verdict_page.page import render_page

PHONE, DESKTOP = 390, 1280
SMALLEST = 9.0


@pytest.fixture(scope="module")
def batch() -> str:
    find_chromium()
    claims = replace(make_full(f"{LONG}/{LONG}.mp4"), custody=make_custody(claims=(LONG,)), not_judged=(LONG,))
    return render_page([make_full(), claims, make_bare(HOSTILE), make_bare("missing.jpg", None)])


def open_page(page: str, folder: Path, width: int, scheme: str = "light") -> Layout:
    layout = lay_out(page, folder, width=width, scheme=scheme)  # type: ignore[arg-type]
    assert layout.width == width
    return layout


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen_and_nothing_is_logged(batch: str, tmp_path: Path, width: int, scheme: str):
    layout = open_page(batch, tmp_path, width, scheme)
    assert layout.past == []
    assert layout.scrolled <= width
    assert layout.logged == []


def test_the_page_of_one_bare_verdict_fits_a_phone(tmp_path: Path):
    layout = open_page(render_page([make_bare(LONG)]), tmp_path, PHONE)
    assert layout.past == []
    assert layout.logged == []


def test_it_prints_one_file_per_page(batch: str, tmp_path: Path):
    pdf, logged = print_pdf(batch, tmp_path)
    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 5
    assert logged == []
