"""Forest plot: AUC per dataset, the model with its interval and the controls."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from unmask.evaluation.results import SUMMARIES, Evaluation, MetricRow

WIDTH, ROW, TOP, BOTTOM, LEFT, RIGHT = 860, 30, 12, 40, 150, 60
LOW, TICKS = 0.0, (0.0, 0.25, 0.5, 0.75, 1.0)


def draw_forest(evaluation: Evaluation, styles: dict[str, str]) -> Markup:
    """One line per row of the table; `styles`: control -> CSS class."""
    rows = evaluation.model.rows
    height = TOP + ROW * len(rows) + BOTTOM
    parts = [_draw_grid(height)]
    for number, row in enumerate(rows):
        middle = TOP + ROW * number + ROW / 2
        parts.append(_draw_name(row, middle, bold=row.name in SUMMARIES))
        parts += [_draw_mark(control.row(row.name), middle, styles[control.name]) for control in evaluation.controls]
        parts.append(_draw_model(row, middle))
    head = Markup('<svg class="forest" role="img" viewBox="0 0 {} {}" aria-label="{}">')
    label = "AUC of the model with its interval, and of the controls, per dataset"
    return head.format(WIDTH, height, label) + Markup("").join(parts) + Markup("</svg>")


def _map_x(value: float) -> float:
    return LEFT + (value - LOW) / (1 - LOW) * (WIDTH - LEFT - RIGHT)


def _draw_grid(height: int) -> Markup:
    lines, bottom = [], height - BOTTOM
    for tick in TICKS:
        style = ' class="coin"' if tick == 0.5 else ""
        line = Markup('<path{} d="M{:.1f} {}V{}"/><text x="{:.1f}" y="{}" text-anchor="middle">{}</text>')
        lines.append(line.format(Markup(style), _map_x(tick), TOP, bottom, _map_x(tick), bottom + 16, f"{tick:g}"))
    name = Markup('<text class="axis" x="{:.1f}" y="{}" text-anchor="middle">AUC (0.5: chance)</text>')
    lines.append(name.format((LEFT + WIDTH - RIGHT) / 2, height - 6))
    return Markup('<g class="grid">{}</g>').format(Markup("").join(lines))


def _draw_name(row: MetricRow, middle: float, *, bold: bool) -> Markup:
    text = Markup('<text class="{}" x="{}" y="{:.1f}" text-anchor="end">{}</text>')
    style = "name bold" if bold else "name few" if row.is_small else "name"
    return text.format(style, LEFT - 12, middle + 4, row.name)


def _draw_mark(row: MetricRow, middle: float, style: str) -> Markup:
    if row.auc is None:
        return Markup("")
    tick = Markup('<path class="mark {}" d="M{:.1f} {:.1f}v14"><title>{:.3f}</title></path>')
    return tick.format(style, _map_x(row.auc), middle - 7, row.auc)


def _draw_model(row: MetricRow, middle: float) -> Markup:
    if row.auc is None:
        only = "only fakes" if row.n_fake else "only reals"
        text = Markup('<text class="nothing" x="{:.1f}" y="{:.1f}">n/a: {} here</text>')
        return text.format(_map_x(0.0) + 8, middle + 4, only)
    parts = [Markup('<circle class="model" cx="{:.1f}" cy="{:.1f}" r="5"/>').format(_map_x(row.auc), middle)]
    if span := row.interval("auc"):
        low, high = map(_map_x, span)
        parts.insert(0, Markup('<path class="span" d="M{:.1f} {:.1f}H{:.1f}"/>').format(low, middle, high))
    value = Markup('<text class="value" x="{}" y="{:.1f}">{:.3f}</text>')
    parts.append(value.format(WIDTH - RIGHT + 14, middle + 4, row.auc))
    return Markup("").join(parts)


def list_legend(evaluation: Evaluation, styles: dict[str, str]) -> Sequence[tuple[str, str, str]]:
    """(name, CSS class, description) of the model and each control."""
    controls = [(control.name, styles[control.name], control.about) for control in evaluation.controls]
    return [("model", "model", evaluation.model.about), *controls]
