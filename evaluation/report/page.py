"""Rendering of the report page: a header, then the sections of SECTIONS, then all figures as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from unmask.core.atomic_files import write_text
from unmask.core.errors import MissingInput
from unmask.core.html.pages import escape_invisible, make_environment
from unmask.core.html.tables import prepare_tables
from unmask.evaluation.paper.first_sentence import describe_beaten
from unmask.evaluation.report import sections
from unmask.evaluation.report.class_differences import figure
from unmask.evaluation.report.glossary import list_terms
from unmask.evaluation.report.page_data import PageData
from unmask.evaluation.results import MACRO, MACRO_LARGE, POOLED, SUMMARIES, Evaluation, Interval, MetricRow
from unmask.evaluation.sentences import list_flagged
from unmask.evaluation.terminal_table import number
from unmask.manifests.splits.leaks import count_allowed_leaks
from unmask.metrics import binary


def write_page(path: Path, data: PageData) -> None:
    write_text(path, render(data))


def render(data: PageData) -> str:
    """One self-contained HTML document. Every text from a file or a name is escaped."""
    if data.predictions.num_rows != data.evaluation.scored:
        raise MissingInput(f"{data.evaluation.run}: predictions and evaluation differ", "unmask evaluate")
    templates = make_environment("unmask.evaluation.report")
    templates.filters |= {"number": number, "figure": figure, "visible": escape_invisible, "style": choose_row_class}
    json: dict[str, Any] = {"synthetic": data.synthetic}
    for section in sections.SECTIONS:
        json |= section.json(data)
    page = templates.get_template("page.html").render(
        evaluation=data.evaluation,
        dates=data.dates,
        commands=data.commands,
        beaten=describe_beaten(data.evaluation),
        cards=_list_cards(data.evaluation),
        synthetic=data.synthetic,
        flagged=list_flagged(data.evaluation),
        seen=list(dict.fromkeys(one.dataset for one in data.evaluation.seen)),
        leaks=count_allowed_leaks(data.evaluation.split_scheme),
        sections=[_render_section(section, data, templates) for section in sections.SECTIONS if section.is_shown(data)],
        json=json,
    )
    return prepare_tables(page, list_terms(data.evaluation))


def _render_section(section: sections.Section, data: PageData, templates: Environment) -> dict[str, str]:
    part = templates.get_template(f"sections/{section.id}.html")
    body = part.render(evaluation=data.evaluation, **section.context(data))
    title = section.title.format(split=data.evaluation.split)
    return {"id": section.id, "title": title, "body": Markup(body)}  # escaped by the part's own rendering


def choose_row_class(row: MetricRow) -> str:
    """CSS class of a row: totals bold, datasets with too few items grey."""
    return "total" if row.name in SUMMARIES else "few" if row.is_small else ""


def _list_cards(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """(name, figure, its interval or another remark)"""
    cards, small = [], any(row.is_small and row.auc is not None for row in evaluation.model.datasets)
    for metric in binary.METRICS:
        for summary in metric.cards:
            row = evaluation.model.find(summary)
            if row is None or (summary == MACRO_LARGE and not small):
                continue  # without small datasets both means are the same
            about = _describe_summary(evaluation, summary, metric.name)
            remark = _describe_interval(row.interval(metric.name), about)
            cards.append((f"{summary} {metric.title}", number(row[metric.name]), remark))
    pooled = evaluation.model.row(POOLED)
    counts = f"{pooled.n_real} real, {pooled.n_fake} fake"
    return [*cards, (f"{evaluation.split} items", str(evaluation.scored), counts)]


def _describe_summary(evaluation: Evaluation, summary: str, metric: str) -> str:
    if summary == POOLED:
        return "all items together"
    rows = [row for row in evaluation.model.datasets if summary == MACRO or not row.is_small]
    return f"mean of {sum(row[metric] is not None for row in rows)} datasets"


def _describe_interval(span: Interval | None, otherwise: str) -> str:
    return f"95 %: {span[0]:.3f} to {span[1]:.3f}" if span else otherwise
