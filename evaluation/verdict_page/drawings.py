"""Drawings along the time axis and over faces: SVG without text, stretched to the width of the page.

Text beside them is HTML, whose letters keep their size on a phone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from unmask.cache.sync.comparison import CLEAR_FIT
from unmask.evaluation.verdict_page.time_axis import TimeAxis, find_style, format_time
from unmask.evaluation.verdicts.findings import Contribution, FaceMap
from unmask.evaluation.verdicts.verdict import ClipVerdict

WIDTH = 1000.0
FAINTEST = 0.05
"""Share of a map's strongest cell below which a cell is left out."""
SIGNED = 0.5
"""Share from which a cell has its sign on it."""


def draw_waveform(
    spans: Sequence[tuple[float, float, float]], clips: Sequence[ClipVerdict], threshold: float, axis: TimeAxis
) -> Markup:
    """One vertical line per span (seconds, lowest, highest), in the colors of the clips' scores."""
    step_s = spans[1][0] - spans[0][0] if len(spans) > 1 else axis.end_s
    loudest = max(max(abs(low), abs(high)) for _, low, high in spans) or 1.0
    paths: dict[str, list[str]] = defaultdict(list)
    for at, low, high in spans:
        x = WIDTH * min(1.0, (at + step_s / 2) / axis.end_s)
        top, bottom = 50 - 46 * high / loudest, 50 - 46 * low / loudest
        paths[find_style(clips, at + step_s / 2, threshold)].append(f"M{x:.1f} {top:.1f}V{max(bottom, top + 0.8):.1f}")
    width = max(0.6, WIDTH * step_s / axis.end_s)
    lines = [
        Markup('<path class="wave {}" stroke-width="{:.2f}" d="{}"/>').format(style, width, "".join(steps))
        for style, steps in paths.items()
    ]
    return _stretch("Waveform", 100, lines)


def draw_fit(over_time: Sequence[tuple[float, float]], axis: TimeAxis) -> Markup:
    """Fit of mouth and audio over time: a line with dots, over dashed lines at 0 and at the clear fit."""
    highest = max(CLEAR_FIT, *(fit for _, fit in over_time)) * 1.05
    lowest = min(0.0, *(fit for _, fit in over_time)) - 0.05 * highest
    points = [
        f"{WIDTH * min(1.0, at / axis.end_s):.1f} {100 * (highest - fit) / (highest - lowest):.1f}"
        for at, fit in over_time
    ]
    levels = [100 * (highest - level) / (highest - lowest) for level in (0.0, CLEAR_FIT)]
    parts = [Markup('<path class="level" d="M0 {:.1f}H1000"/>').format(level) for level in levels]
    parts.append(Markup('<path class="fit" d="M{}"/>').format("L".join(points)))
    # A line without length has round ends: a dot that stays round in a stretched drawing.
    parts.append(Markup('<path class="fit-dots" d="{}"/>').format("".join(f"M{point}h0" for point in points)))
    return _stretch("Fit of mouth and audio over time", 100, parts)


@dataclass(frozen=True, slots=True)
class SignedBar:
    """A contribution on the axis, in percent."""

    left: float
    width: float
    top: float
    height: float
    style: str
    label: str
    title: str


@dataclass(frozen=True, slots=True)
class ContributionRow:
    """All contributions of one modality."""

    modality: str
    total: float
    bars: tuple[SignedBar, ...]


def list_contributions(contributions: Sequence[Contribution], axis: TimeAxis) -> list[ContributionRow]:
    """One row per modality, all on the same scale; above the middle line speaks for fake."""
    largest = max((abs(one.logit) for one in contributions), default=0.0) or 1.0
    rows: dict[str, list[Contribution]] = defaultdict(list)
    for one in contributions:
        rows[one.modality].append(one)
    return [
        ContributionRow(modality, sum(one.logit for one in parts), tuple(_place(one, largest, axis) for one in parts))
        for modality, parts in rows.items()
    ]


def _place(one: Contribution, largest: float, axis: TimeAxis) -> SignedBar:
    height = max(1.0, round(48 * abs(one.logit) / largest, 1))
    width = axis.measure(one.start_s, one.end_s)
    return SignedBar(
        left=axis.place(one.start_s),
        width=width,
        top=round(50 - height, 1) if one.logit > 0 else 50.0,
        height=height,
        style="fake" if one.logit > 0 else "real",
        label=f"{one.logit:+.2f}" if width >= 15 else "",
        title=f"{one.modality}, {format_time(one.start_s)} to {format_time(one.end_s)}: {one.logit:+.3f}",
    )


def draw_map(face_map: FaceMap) -> Markup:
    """Cells over a face crop: the stronger the color, the more it adds; strong ones have a + (fake) or - (real)."""
    strongest = max((abs(value) for row in face_map.rows for value in row), default=0.0)
    cells = []
    for y, row in enumerate(face_map.rows):
        for x, value in enumerate(row):
            share = abs(value) / strongest if strongest else 0.0
            if share < FAINTEST:
                continue
            style = "fake" if value > 0 else "real"
            cell = '<rect class="{}" x="{}" y="{}" width="1" height="1" fill-opacity="{:.2f}"/>'
            cells.append(Markup(cell).format(style, x, y, 0.75 * share))
            if share >= SIGNED:
                sign = f"M{x + 0.25} {y + 0.5}h.5" + (f"M{x + 0.5} {y + 0.25}v.5" if value > 0 else "")
                cells.append(Markup('<path class="sign" d="{}"/>').format(sign))
    down, across = len(face_map.rows), max(map(len, face_map.rows), default=0)
    head = Markup('<svg role="img" aria-label="{}" viewBox="0 0 {} {}" preserveAspectRatio="none">')
    return head.format("Contribution of each part of the face", max(1, across), max(1, down)) + Markup("").join(
        [*cells, Markup("</svg>")]
    )


def describe_strongest(face_map: FaceMap) -> str:
    """The cell that adds most, in words."""
    cells = [(value, y, x) for y, row in enumerate(face_map.rows) for x, value in enumerate(row)]
    if not cells:
        return "empty"
    value, y, x = max(cells, key=lambda cell: abs(cell[0]))
    return f"strongest: row {y + 1}, column {x + 1} ({value:+.2f}, {'fake' if value > 0 else 'real'})"


def _stretch(title: str, height: int, parts: Sequence[Markup]) -> Markup:
    head = Markup('<svg role="img" aria-label="{}" viewBox="0 0 1000 {}" preserveAspectRatio="none">')
    return head.format(title, height) + Markup("").join(parts) + Markup("</svg>")
