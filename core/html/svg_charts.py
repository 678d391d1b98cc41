"""Charts as self-contained inline SVG, without scripts.

Colors are CSS classes of the page, so they follow its light or dark scheme.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 38
# More points cannot be distinguished at the width of a page and only make it larger.
MOST_POINTS = 200


@dataclass(frozen=True, slots=True)
class Axis:
    label: str
    low: float
    high: float
    ticks: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Series:
    label: str
    x: Sequence[float]
    y: Sequence[float]
    style: str
    """CSS class that sets stroke and fill."""
    marks: bool = False
    """Draw a dot at every point too."""
    joined: bool = True
    """False: dots without a line; then all points are drawn."""
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    """Bounds of a band around the line, one per point; NaN where there is none. (): no band."""


UNIT_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def make_unit_axis(label: str) -> Axis:
    return Axis(label, 0.0, 1.0, UNIT_TICKS)


def fit_axis(label: str, values: Sequence[float], *, whole: bool = False) -> Axis:
    """Axis that covers all finite `values`, with three to six round ticks (`whole`: integers only)."""
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    # Values that differ by rounding alone are one value: a step of their difference would be lost beside them.
    alike = high - low <= 1e-9 * max(abs(low), abs(high))
    span = max(abs(high), 1.0) if alike else high - low
    step = _round_step(span / 4)
    step = max(1.0, step) if whole else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    return Axis(label, first * step, last * step, tuple(number * step for number in range(first, last + 1)))


def draw_line_chart(
    title: str,
    series: Sequence[Series],
    x: Axis,
    y: Axis,
    *,
    width: int = 420,
    height: int = 280,
    diagonal: bool = False,
    marker: tuple[float, str] | None = None,
) -> Markup:
    """Lines over a grid; `diagonal` adds the dashed line of chance or of perfect calibration.

    `marker`: (x, label) of a vertical line.
    """
    frame = _Frame(x, y, width, height)
    parts = [frame.draw_grid()]
    if marker:
        parts.append(frame.draw_marker(*marker))
    if diagonal:
        parts.append(frame.draw_path([0.0, 1.0], [0.0, 1.0], "chance"))
    parts += [frame.draw_band(line.x, line.low, line.high, line.style) for line in series if line.low]
    for line in series:
        xs, ys = thin_points(line.x, line.y) if line.joined else (line.x, line.y)
        if line.joined:
            parts.append(frame.draw_path(xs, ys, line.style, line.label))
        if line.marks or not line.joined:
            parts.append(frame.draw_dots(xs, ys, line.style))
    return _wrap_svg(title, width, height, parts)


def draw_histogram(
    title: str,
    counts: Sequence[tuple[str, str, Sequence[float]]],
    x: Axis,
    y: Axis,
    *,
    width: int = 420,
    height: int = 280,
) -> Markup:
    """Bars of (label, CSS class, heights) over equal bins of `x`, overlaid and half transparent."""
    frame = _Frame(x, y, width, height)
    parts = [frame.draw_grid()]
    for label, style, heights in counts:
        edge = (x.high - x.low) / len(heights)
        bars = [
            frame.draw_bar(x.low + edge * n, x.low + edge * (n + 1), value)
            for n, value in enumerate(heights)
            if value > 0
        ]
        group = Markup('<g class="bars {}"><title>{}</title>{}</g>')
        parts.append(group.format(style, label, Markup("").join(bars)))
    return _wrap_svg(title, width, height, parts)


def thin_points(x: Sequence[float], y: Sequence[float], most: int = MOST_POINTS) -> tuple[list[float], list[float]]:
    """At most `most` of the points, including the first and the last."""
    if len(x) <= most:
        return list(x), list(y)
    kept = [round(number * (len(x) - 1) / (most - 1)) for number in range(most)]
    return [x[position] for position in kept], [y[position] for position in kept]


@dataclass(frozen=True, slots=True)
class _Frame:
    """Maps values of the axes to positions of the drawing."""

    x: Axis
    y: Axis
    width: int
    height: int

    def map_x(self, value: float) -> float:
        share = (value - self.x.low) / (self.x.high - self.x.low)
        return LEFT + share * (self.width - LEFT - RIGHT)

    def map_y(self, value: float) -> float:
        share = (value - self.y.low) / (self.y.high - self.y.low)
        return self.height - BOTTOM - share * (self.height - TOP - BOTTOM)

    def draw_grid(self) -> Markup:
        lines, bottom, right = [], self.height - BOTTOM, self.width - RIGHT
        for tick in self.x.ticks:
            at = self.map_x(tick)
            lines.append(Markup('<path d="M{:.1f} {}V{}"/>').format(at, TOP, bottom))
            lines.append(
                Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(at, bottom + 14, f"{tick:g}")
            )
        for tick in self.y.ticks:
            at = self.map_y(tick)
            lines.append(Markup('<path d="M{} {:.1f}H{}"/>').format(LEFT, at, right))
            text = Markup('<text x="{}" y="{:.1f}" text-anchor="end">{}</text>')
            lines.append(text.format(LEFT - 6, at + 3.5, f"{tick:g}"))
        middle = (LEFT + right) / 2
        name = Markup('<text class="axis" x="{:.1f}" y="{}" text-anchor="middle">{}</text>')
        lines.append(name.format(middle, self.height - 6, self.x.label))
        turned = Markup(
            '<text class="axis" transform="translate(11 {:.1f}) rotate(-90)" text-anchor="middle">{}</text>'
        )
        lines.append(turned.format((TOP + bottom) / 2, self.y.label))
        return Markup('<g class="grid">{}</g>').format(Markup("").join(lines))

    def draw_marker(self, x: float, label: str) -> Markup:
        """A vertical line at `x`, with its label at the top on the side that has room."""
        at, middle = self.map_x(x), (self.x.low + self.x.high) / 2
        left = x > middle
        text = Markup('<path d="M{:.1f} {}V{}"/><text x="{:.1f}" y="{}" text-anchor="{}">{}</text>')
        drawn = text.format(
            at, TOP, self.height - BOTTOM, at - 5 if left else at + 5, TOP + 10, "end" if left else "start", label
        )
        return Markup('<g class="marker">{}</g>').format(drawn)

    def draw_path(self, x: Sequence[float], y: Sequence[float], style: str, label: str = "") -> Markup:
        points = [(a, b) for a, b in zip(x, y, strict=True) if math.isfinite(a) and math.isfinite(b)]
        steps = "L".join(f"{self.map_x(a):.1f} {self.map_y(b):.1f}" for a, b in points)
        title = Markup("<title>{}</title>").format(label) if label else Markup("")
        return Markup('<path class="line {}" d="M{}">{}</path>').format(style, steps, title) if points else Markup("")

    def draw_band(self, x: Sequence[float], low: Sequence[float], high: Sequence[float], style: str) -> Markup:
        points = [one for one in zip(x, low, high, strict=True) if all(map(math.isfinite, one))]
        if len(points) < 2:
            return Markup("")
        upper = [f"{self.map_x(at):.1f} {self.map_y(top):.1f}" for at, _, top in points]
        lower = [f"{self.map_x(at):.1f} {self.map_y(bottom):.1f}" for at, bottom, _ in reversed(points)]
        return Markup('<path class="band {}" d="M{}Z"/>').format(style, "L".join([*upper, *lower]))

    def draw_dots(self, x: Sequence[float], y: Sequence[float], style: str) -> Markup:
        points = zip(x, y, strict=True)
        dot = Markup('<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="3"/>')
        return Markup("").join(dot.format(style, self.map_x(a), self.map_y(b)) for a, b in points if math.isfinite(b))

    def draw_bar(self, start: float, end: float, value: float) -> Markup:
        left, top = self.map_x(start), self.map_y(min(value, self.y.high))
        box = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
        return box.format(left + 0.5, top, self.map_x(end) - left - 1, self.height - BOTTOM - top)


def _wrap_svg(title: str, width: int, height: int, parts: Sequence[Markup]) -> Markup:
    head = Markup('<svg role="img" viewBox="0 0 {} {}" aria-label="{}">').format(width, height, escape(title))
    return head + Markup("").join(parts) + Markup("</svg>")


def _round_step(least: float) -> float:
    """Smallest of 1, 2, 2.5 and 5 times a power of ten that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= least * (1 - 1e-9))
