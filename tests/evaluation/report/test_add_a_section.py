"""The example of docs/add-a-report-section.md."""

from __future__ import annotations

import json
import re

import pytest
from guides import code_blocks, execute_block
from jinja2 import ChoiceLoader, DictLoader, Environment

from unmask.core.html.pages import make_environment
from unmask.evaluation.report import page, sections
from unmask.evaluation.report.page_data import PageData


@pytest.fixture
def with_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guide's entry is in SECTIONS, before the last section, and its part is in sections/."""
    (block,), (part,) = code_blocks("add-a-report-section.md"), code_blocks("add-a-report-section.md", "html")
    entry = execute_block(block, "methods").METHODS
    monkeypatch.setattr(sections, "SECTIONS", (*sections.SECTIONS[:-1], entry, sections.SECTIONS[-1]))

    def with_part(package: str) -> Environment:
        templates = make_environment(package)
        assert templates.loader is not None
        templates.loader = ChoiceLoader([templates.loader, DictLoader({"sections/methods.html": part})])
        return templates

    monkeypatch.setattr(page, "make_environment", with_part)


def test_the_section_of_the_guide_is_at_its_place_on_the_page_and_in_the_json(
    with_methods: None, page_data: PageData
) -> None:
    html = page.render(page_data)
    assert re.findall(r'<section id="(\w+)">', html)[-3:] == ["failures", "methods", "glossary"]
    assert "<h2>Manipulation methods, test split</h2>" in html
    shown = html.split('<section id="methods">')[1].split("</section>")[0]
    fakes = sum(page_data.predictions.column("label").to_pylist())
    assert f'<th scope="row">swap</th><td data-label="items">{fakes}</td>' in shown
    (text,) = re.findall(r'id="unmask-data">(.*?)</script>', html, re.DOTALL)
    assert [row["method"] for row in json.loads(text)["methods"]] == ["none", "swap"]


def test_every_section_has_its_part() -> None:
    templates = make_environment("unmask.evaluation.report")
    assert templates.loader is not None
    parts = {name for name in templates.loader.list_templates() if name.startswith("sections/")}
    assert parts == {f"sections/{section.id}.html" for section in sections.SECTIONS} | {"sections/macros.html"}
