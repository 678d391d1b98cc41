"""Forest plot: AUC per dataset, the model with its interval and the controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from unmask.evaluation.results import SUMMARIES, Evaluation, MetricRow

TOP, BOTTOM, RIGHT = 12, 40, 60
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
CHARACTER = 7.2
"""Width of a character of the names."""
LONGEST_NAME = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """Maps an AUC (0..1) to a position of the drawing."""

    style: str
    width: int
    row: int
    """Height of a row."""
    left: float
    """Where the axis begins: beside the names, or below them."""

    def map_x(self, value: float) -> float:
        return self.left + value * (self.width - self.left - RIGHT)


def draw_forest(evaluation: Evaluation, styles: dict[str, str]) -> Markup:
    """One line per row of the table; `styles`: control -> CSS class, of those that are drawn.

    Drawn twice, and the page shows one: with the names beside the axis, and for narrow screens with the names above.
    """
    names = max(len(_shorten(row.name)) for row in evaluation.model.rows)
    wide = _Frame(style="wide", width=860, row=30, left=max(100.0, 24 + CHARACTER * names))
    narrow = _Frame(style="narrow", width=360, row=46, left=12)
    return _draw(evaluation, styles, wide) + _draw(evaluation, styles, narrow)


def _draw(evaluation: Evaluation, styles: dict[str, str], frame: _Frame) -> Markup:
    rows = evaluation.model.rows
    height = TOP + frame.row * len(rows) + BOTTOM
    parts = [_draw_grid(height, frame)]
    for number, row in enumerate(rows):
        middle = TOP + frame.row * (number + 1) - 15
        parts.append(_draw_name(row, middle, frame))
        parts += [
            _draw_mark(control.row(row.name), middle, styles[control.name], frame)
            for control in evaluation.controls
            if control.name in styles
        ]
        parts.append(_draw_model(row, middle, frame))
    head = Markup('<svg class="forest {}" role="img" viewBox="0 0 {} {}" aria-label="{}">')
    label = "AUC of the model with its interval, and of the controls, per dataset"
    return head.format(frame.style, frame.width, height, label) + Markup("").join(parts) + Markup("</svg>")


def _draw_grid(height: int, frame: _Frame) -> Markup:
    lines, bottom = [], height - BOTTOM
    for tick in TICKS:
        style = ' class="coin"' if tick == 0.5 else ""
        line = Markup('<path{} d="M{:.1f} {}V{}"/><text x="{:.1f}" y="{}" text-anchor="middle">{}</text>')
        lines.append(
            line.format(Markup(style), frame.map_x(tick), TOP, bottom, frame.map_x(tick), bottom + 16, f"{tick:g}")
        )
    name = Markup('<text class="axis" x="{:.1f}" y="{}" text-anchor="middle">AUC (0.5: chance)</text>')
    lines.append(name.format((frame.left + frame.width - RIGHT) / 2, height - 6))
    return Markup('<g class="grid">{}</g>').format(Markup("").join(lines))


def _draw_name(row: MetricRow, middle: float, frame: _Frame) -> Markup:
    style = "name bold" if row.name in SUMMARIES else "name few" if row.is_small else "name"
    beside = frame.style == "wide"
    x, y, anchor = (frame.left - 12, middle + 4, "end") if beside else (frame.left, middle - 12, "start")
    text = Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}<title>{}</title></text>')
    return text.format(style, x, y, anchor, _shorten(row.name), row.name)


def _shorten(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _draw_mark(row: MetricRow, middle: float, style: str, frame: _Frame) -> Markup:
    if row.auc is None:
        return Markup("")
    tick = Markup('<path class="mark {}" d="M{:.1f} {:.1f}v14"><title>{:.3f}</title></path>')
    return tick.format(style, frame.map_x(row.auc), middle - 7, row.auc)


def _draw_model(row: MetricRow, middle: float, frame: _Frame) -> Markup:
    if row.auc is None:
        only = "only fakes" if row.n_fake else "only reals"
        text = Markup('<text class="nothing" x="{:.1f}" y="{:.1f}">n/a: {} here</text>')
        return text.format(frame.map_x(0.0) + 8, middle + 4, only)
    parts = [Markup('<circle class="model" cx="{:.1f}" cy="{:.1f}" r="5"/>').format(frame.map_x(row.auc), middle)]
    if span := row.interval("auc"):
        low, high = map(frame.map_x, span)
        parts.insert(0, Markup('<path class="span" d="M{:.1f} {:.1f}H{:.1f}"/>').format(low, middle, high))
    value = Markup('<text class="value" x="{}" y="{:.1f}">{:.3f}</text>')
    parts.append(value.format(frame.width - RIGHT + 14, middle + 4, row.auc))
    return Markup("").join(parts)


def list_legend(evaluation: Evaluation, styles: dict[str, str]) -> Sequence[tuple[str, str, str]]:
    """(name, CSS class, description) of the model and each control."""
    drawn = [control for control in evaluation.controls if control.name in styles]
    controls = [(control.name, styles[control.name], control.about) for control in drawn]
    return [("model", "model", evaluation.model.about), *controls]
