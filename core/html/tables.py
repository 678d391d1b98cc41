"""Tables of a page that fit any width: each cell knows its heading, so that rows can be stacked.

Every table gets the width that it needs, estimated from its texts, as the class `fit-<width>`. In a container that is
narrower, each row becomes a block of labelled values: no column is lost, on a phone or on paper, and nothing has to be
scrolled.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from markupsafe import Markup, escape

# Pixels; a table that needs more than the last is stacked everywhere.
WIDTHS = tuple(range(250, 1051, 50))
CHARACTER, PADDING = 7.4, 15
"""Pixels of a digit at the font size of tables, and of a cell's padding."""
LONGEST_TEXT = 24
"""Characters after which words and names may be broken; numbers are not."""
LONGEST_NUMBER = 13
"""Characters that fit a column of stacked values; a longer value takes two."""
DRAWING = 24
"""Characters that an SVG in a cell takes."""

STACKED = """
@container (width < {width}px) {{
  .fit-{width} thead {{ position: absolute; clip-path: inset(50%); height: 1px; overflow: hidden; }}
  .fit-{width} caption, .fit-{width} tbody {{ display: block; }}
  .fit-{width} tr {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(98px, 1fr)); gap: 6px 12px;
    padding: 10px 6px; border-bottom: 1px solid var(--line); break-inside: avoid; }}
  .fit-{width} th[scope="row"], .fit-{width} .long {{ grid-column: 1 / -1; }}
  .fit-{width} .double {{ grid-column: span 2; }}
  .fit-{width} tbody th, .fit-{width} td {{ display: block; border: 0; padding: 0; text-align: left; }}
  .fit-{width} td[data-label]::before {{ content: attr(data-label); display: block; font-size: 0.76rem;
    font-weight: 400; color: var(--soft); white-space: normal; }}
  .fit-{width} td:empty {{ display: none; }}
}}
"""

_TABLE = re.compile(r"<table\b[^>]*>.*?</table>", re.DOTALL)
_CLASS = re.compile(r'<table(?: class="([^"]*)")?>')
_HEADING = re.compile(r'<th scope="col"([^>]*)>(.*?)</th>', re.DOTALL)
_BODY_ROW = re.compile(r"(<tr\b[^>]*>)(.*?)(</tr>)", re.DOTALL)
_CELL = re.compile(r"<(td|th)\b([^>]*)>(.*?)</\1>", re.DOTALL)
_TITLE = re.compile(r' title="[^"]*"')
_TAG = re.compile(r"<[^>]+>")


def write_stacking_css() -> str:
    """The rules of all widths."""
    return "".join(STACKED.format(width=width) for width in (*WIDTHS, ALWAYS))


ALWAYS = 9999
"""The class of a table that is stacked everywhere."""


def prepare_tables(page: str, terms: Mapping[str, str]) -> str:
    """`page` with the headings on all cells and a width on all tables; headings that are `terms` link to the glossary.

    `terms`: term -> its meaning in words, which a heading shows when the pointer is on it.
    """
    return _TABLE.sub(lambda table: _prepare_table(table[0], terms), page)


def make_anchor(term: str) -> str:
    """The id of a term in the glossary of a page."""
    return "term-" + re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")


def _prepare_table(table: str, terms: Mapping[str, str]) -> str:
    head, separator, body = table.partition("<tbody>")
    headings = [_read_text(heading[2]) for heading in _HEADING.finditer(head)]
    widths = [max(map(len, heading.split()), default=0) for heading in headings]

    def label_row(row: re.Match[str]) -> str:
        cells = list(_CELL.finditer(row[2]))
        for position, cell in enumerate(cells[: len(widths)]):
            widths[position] = max(widths[position], _measure_cell(cell))
        labelled = (_label_cell(cell, heading) for cell, heading in zip(cells, headings, strict=False))
        return f"{row[1]}{''.join(labelled)}{row[3]}"

    body = _BODY_ROW.sub(label_row, body)
    needed = sum(CHARACTER * width + PADDING for width in widths)
    fit = next((width for width in WIDTHS if width >= needed), ALWAYS)
    head = _CLASS.sub(lambda found: f'<table class="{found[1] + " " if found[1] else ""}fit-{fit}">', head, count=1)
    return _HEADING.sub(lambda heading: _explain_heading(heading, terms), head) + separator + body


def _explain_heading(heading: re.Match[str], terms: Mapping[str, str]) -> str:
    term = _read_text(heading[2])
    if term not in terms:
        return heading[0]
    link = Markup('<a class="term" href="#{}" title="{}">{}</a>').format(make_anchor(term), terms[term], term)
    return f'<th scope="col"{_TITLE.sub("", heading[1])}>{link}</th>'


def _label_cell(cell: re.Match[str], heading: str) -> str:
    tag, attributes, content = cell.groups()
    longest = max(map(len, _read_text(content).split("\n")))
    if tag == "th":  # a name without spaces
        attributes += ' class="wrap"' if longest > LONGEST_TEXT else ""
        return f"<th{attributes}>{content}</th>"
    if _is_words(cell) and longest > LONGEST_TEXT:
        attributes = _add_class(attributes, "long")
    elif longest > LONGEST_NUMBER or "<svg" in content:
        attributes = _add_class(attributes, "double")
    label = f' data-label="{escape(heading)}"' if heading else ""
    return f"<td{label}{attributes}>{content}</td>"


def _add_class(attributes: str, name: str) -> str:
    return attributes.replace('class="', f'class="{name} ', 1) if "class=" in attributes else f' class="{name}"'


def _measure_cell(cell: re.Match[str]) -> int:
    """Characters of its longest line. Words may take several lines, and long names and paths may be broken."""
    if "<svg" in cell[3]:
        return DRAWING
    text = _read_text(cell[3])
    longest = max(map(len, text.split("\n")))
    if not _is_words(cell):
        return longest
    word = 0 if cell[1] == "th" or "wrap" in cell[2] else max(map(len, text.split()), default=0)
    return max(word, min(longest, LONGEST_TEXT))


def _is_words(cell: re.Match[str]) -> bool:
    return cell[1] == "th" or "text" in cell[2] or "wrap" in cell[2]


def _read_text(content: str) -> str:
    return html.unescape(_TAG.sub("", content.replace("<br>", "\n"))).strip()
