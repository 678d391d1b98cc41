"""A heat map as self-contained inline SVG: a table of numbers whose cells are colored by value.

Colors are mixed from the page's, so they follow its light or dark scheme.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

CELL_WIDTH, CELL_HEIGHT, CHARACTER, GAP = 54, 26, 6.6, 8
"""Units of the drawing: a cell, a character of a label, and the space beside labels."""
LONGEST = 44
"""Characters of a label that are shown; the whole is in its title."""
STRONGEST = 75
"""Percent of the color in the strongest cell: the number on it stays readable."""


def draw_heat_map(
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: Mapping[tuple[str, str], float | None],
    *,
    low: float = 0.5,
    high: float = 1.0,
    digits: int = 2,
) -> Markup:
    """Cells by (row, column), colored from nothing at `low` and below to the full color at `high`; None: "-"."""
    left = max((min(len(row), LONGEST) for row in rows), default=0) * CHARACTER + GAP
    longest = max((min(len(column), LONGEST) for column in columns), default=0) * CHARACTER
    top = longest * 0.8 + 2 * GAP  # turned by 53 degrees, whose sine this is
    width = left + len(columns) * CELL_WIDTH + longest * 0.6 + GAP
    height = top + len(rows) * CELL_HEIGHT + GAP
    parts = [_draw_heading(column, left + (at + 0.4) * CELL_WIDTH, top - GAP) for at, column in enumerate(columns)]
    for down, row in enumerate(rows):
        y = top + down * CELL_HEIGHT
        name = Markup('<text class="axis" x="{:.1f}" y="{:.1f}" text-anchor="end">{}<title>{}</title></text>')
        parts.append(name.format(left - GAP, y + CELL_HEIGHT / 2 + 4, _shorten(row), row))
        parts += [
            _draw_cell(row, column, values.get((row, column)), left + across * CELL_WIDTH, y, (low, high), digits)
            for across, column in enumerate(columns)
        ]
    head = Markup('<svg role="img" viewBox="0 0 {:.0f} {:.0f}" style="max-width: {:.0f}px" aria-label="{}">')
    return head.format(width, height, width, escape(title)) + Markup("").join(parts) + Markup("</svg>")


def _draw_heading(column: str, x: float, y: float) -> Markup:
    text = Markup(
        '<text class="axis" transform="translate({:.1f} {:.1f}) rotate(-53)" text-anchor="start">{}<title>{}</title>'
        "</text>"
    )
    return text.format(x, y, _shorten(column), column)


def _draw_cell(
    row: str, column: str, value: float | None, x: float, y: float, limits: tuple[float, float], digits: int
) -> Markup:
    low, high = limits
    share = 0.0 if value is None else min(1.0, max(0.0, (value - low) / (high - low)))
    shown = "-" if value is None else f"{value:.{digits}f}"
    fill = f"color-mix(in srgb, var(--model) {STRONGEST * share:.0f}%, var(--card))"
    cell = Markup(
        '<g><title>{}, {}: {}</title><rect x="{:.1f}" y="{:.1f}" width="{}" height="{}" style="fill: {}; stroke: '
        'var(--line)"/><text x="{:.1f}" y="{:.1f}" text-anchor="middle" style="fill: var(--ink)">{}</text></g>'
    )
    middle = (x + CELL_WIDTH / 2, y + CELL_HEIGHT / 2 + 4)
    return cell.format(row, column, shown, x, y, CELL_WIDTH, CELL_HEIGHT, fill, *middle, shown)


def _shorten(label: str) -> str:
    return label if len(label) <= LONGEST else label[: LONGEST - 1] + "…"
