"""Rendering of verdicts: one section per file, and a page of them. Every text from a file or a run is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path, PurePath
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from unmask.core.atomic_files import write_text
from unmask.core.html.pages import encode_jpeg_uri, escape_invisible, make_environment
from unmask.core.html.tables import prepare_tables
from unmask.evaluation.verdict_page.drawings import (
    describe_strongest,
    draw_fit,
    draw_map,
    draw_waveform,
    list_contributions,
)
from unmask.evaluation.verdict_page.headline import (
    describe_evidence,
    describe_headline,
    describe_reliability,
    format_times,
    sort_by_suspicion,
)
from unmask.evaluation.verdict_page.time_axis import format_time, list_bars, make_axis
from unmask.evaluation.verdicts.findings import Explanation, FaceMap, Pictures
from unmask.evaluation.verdicts.verdict import Verdict

MOST_SECTIONS = 200
"""Files with a section of their own; the table has all."""
MOST_PICTURE_BYTES = 24_000_000
"""Of a page, as JPEG; in the page they take a third more."""
MOST_CLAIMS = 40
LONGEST_TEXT = 2_000
"""Characters of one text of a verdict that are shown."""


def write_page(path: Path, verdicts: Sequence[Verdict]) -> None:
    """Write the page of these verdicts, whole or not at all."""
    write_text(path, render_page(verdicts))


def render_page(verdicts: Sequence[Verdict]) -> str:
    """One self-contained HTML document without scripts. A batch has a table, the most suspicious file first."""
    ordered = sort_by_suspicion(verdicts)
    shown = ordered[:MOST_SECTIONS]
    with_pictures = count_with_pictures(shown)
    sections = [
        render_verdict(one if number <= with_pictures else replace(one, pictures=None), f"file-{number}")
        for number, one in enumerate(shown, 1)
    ]
    return (
        _get_templates()
        .get_template("page.html")
        .render(
            title=name_file(ordered[0].path) if len(ordered) == 1 else f"{len(ordered):,} files",
            summary=summarize(ordered),
            sections=sections,
            table=_render_table(ordered, len(shown)) if len(ordered) > 1 else None,
            left_out=len(ordered) - len(shown),
            without_pictures=len(shown) - with_pictures,
            total=len(ordered),
            runs=list(dict.fromkeys(one.run for one in ordered if one.run)),
            guide=render_guide(),
        )
    )


def render_verdict(verdict: Verdict, anchor: str = "verdict") -> Markup:
    """The section of one file: `<section id=anchor>`. It needs the styles of `read_styles` in the page around it."""
    section = _get_templates().get_template("verdict.html").render(anchor=anchor, **_make_context(verdict))
    return Markup(prepare_tables(section, {}))  # escaped by the template


def render_guide() -> Markup:
    """How to read a verdict, and its limits: the same for every file."""
    return Markup(_get_templates().get_template("guide.html").render())


@cache
def read_styles() -> Markup:
    """CSS of the sections, beside that of core/html."""
    return Markup((files("unmask.evaluation.verdict_page") / "verdict.css").read_text(encoding="utf-8"))


def name_file(path: str) -> str:
    return PurePath(path).name or path


def summarize(verdicts: Sequence[Verdict]) -> list[tuple[int, str]]:
    """(number of files, headline), in the order of `verdicts`; the scores of a run that was not evaluated as one."""
    counts: dict[str, int] = {}
    for verdict in verdicts:
        text = describe_headline(verdict).text
        text = "Score, not evaluated" if text.startswith("Score ") else text
        counts[text] = counts.get(text, 0) + 1
    return [(count, text) for text, count in counts.items()]


def count_with_pictures(verdicts: Sequence[Verdict]) -> int:
    """How many of them, from the first, have pictures that fit into one page together."""
    total = 0
    for number, verdict in enumerate(verdicts):
        pictures = verdict.pictures or Pictures()
        total += sum(len(data) for _, data in (*pictures.frames, *pictures.faces))
        if total > MOST_PICTURE_BYTES:
            return number
    return len(verdicts)


@cache
def _get_templates() -> Environment:
    templates = make_environment("unmask.evaluation.verdict_page")
    templates.finalize = _show_safely
    templates.globals |= {"verdict_css": read_styles(), "most_claims": MOST_CLAIMS}
    templates.filters |= {"time": format_time, "times": format_times, "jpeg": _embed, "name": name_file}
    templates.filters |= {"evidence": describe_evidence, "reliability": describe_reliability}
    return templates


def _embed(jpeg: bytes) -> Markup:
    return Markup(encode_jpeg_uri(jpeg))  # base64


def _show_safely(value: Any) -> Any:
    """Applied to every text before it is escaped: no control or direction-changing character, no endless line."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return escape_invisible(value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT] + "…")


def _render_table(verdicts: Sequence[Verdict], shown: int) -> Markup:
    rows = [
        (one, describe_headline(one), f"file-{number}" if number <= shown else "")
        for number, one in enumerate(verdicts, 1)
    ]
    return Markup(prepare_tables(_get_templates().get_template("table.html").render(rows=rows), {}))


def _make_context(verdict: Verdict) -> dict[str, Any]:
    axis, pictures = make_axis(verdict), verdict.pictures or Pictures()
    explanation, sync = verdict.explanation, verdict.sync
    return {
        "verdict": verdict,
        "headline": describe_headline(verdict),
        "reliable": verdict.scope is None or verdict.scope.reliable,
        "pictures": pictures,
        "axis": axis,
        "strip": [(_find_slot(at, axis.end_s), at, data) for at, data in pictures.frames] if axis else [],
        "bars": list_bars(verdict.clips, verdict.threshold, axis) if axis else [],
        "waveform": draw_waveform(pictures.waveform, verdict.clips, verdict.threshold, axis)
        if axis and pictures.waveform
        else None,
        "fit": draw_fit(sync.over_time, axis) if axis and sync and sync.over_time else None,
        "contributions": list_contributions(explanation.contributions, axis) if explanation and axis else [],
        "maps": _list_maps(explanation, pictures) if explanation else [],
        "claims": verdict.custody.content_credentials.claims[:MOST_CLAIMS] if verdict.custody else (),
    }


def _find_slot(time_s: float, end_s: float, slots: int = 8) -> int:
    """Column of the strip, from 1, whose part of the axis holds this time."""
    return min(slots, int(slots * time_s / end_s) + 1)


def _list_maps(explanation: Explanation, pictures: Pictures) -> list[tuple[FaceMap, Markup, str, bytes | None]]:
    """(map, its drawing, its strongest cell in words, the crop nearest in time)"""
    found = []
    for one in explanation.maps:
        nearest = min(pictures.faces, key=lambda face: abs(face[0] - one.time_s), default=None)
        found.append((one, draw_map(one), describe_strongest(one), nearest[1] if nearest else None))
    return found
