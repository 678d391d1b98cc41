"""Forest plot of AUC, and the bars of an ablation."""

from __future__ import annotations

from matplotlib.figure import Figure

from unmask.evaluation.paper.figure_data import FigureData
from unmask.evaluation.paper.figures.style import COLUMNS, GREY, MARKS, MODEL, OTHERS, make_figure
from unmask.evaluation.random_control import TOGETHER
from unmask.evaluation.results import MACRO, SUMMARIES


def draw_forest(data: FigureData, width: float) -> Figure:
    """AUC per dataset: the model with its interval, and the controls as marks."""
    rows = [row for row in data.evaluation.model.rows if row.auc is not None]
    areas = [row.auc for row in rows if row.auc is not None]
    figure = make_figure(width, 0.55 + 0.2 * len(rows) + (0.35 if width > COLUMNS["1col"] else 0.6))
    axes = figure.add_subplot()
    axes.axvline(0.5, color=GREY, linewidth=0.7, linestyle=(0, (3, 3)), zorder=0)
    places = {row.name: -number - 0.4 * (row.name in SUMMARIES) for number, row in enumerate(rows)}
    drawn = [table for table in data.evaluation.controls if not table.is_random or table.name == TOGETHER]
    for table, color, mark in zip(drawn, OTHERS, MARKS, strict=False):
        known = [(found.auc, places[name]) for name in places if (found := table.find(name)) and found.auc is not None]
        if known:
            x, y = zip(*known, strict=True)
            axes.plot(x, y, mark, color=color, markersize=4, markeredgewidth=0.9, fillstyle="none", label=table.name)
    for row in rows:
        if span := row.interval("auc"):
            axes.plot(span, [places[row.name]] * 2, color=MODEL, linewidth=1.6, solid_capstyle="butt", zorder=1)
    axes.plot(areas, list(places.values()), "o", color=MODEL, markersize=4, label="model", zorder=3)
    axes.set(xlim=(-0.02, 1.02), ylim=(min(places.values()) - 0.6, 0.6), xlabel="AUC (0.5: chance)")
    axes.set_yticks(list(places.values()), labels=[f"{row.name}*" if row.is_small else row.name for row in rows])
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper center", ncols=4 if width > COLUMNS["1col"] else 2, columnspacing=1)
    return figure


def draw_ablation(data: FigureData, width: float) -> Figure | None:
    """Mean AUC over datasets per preset, with the standard deviation over seeds; None without an ablation."""
    if data.ablation is None:
        return None
    heading = f"{MACRO} AUC"
    rows = [(row.preset, row.figures[heading]) for row in data.ablation.rows if row.figures.get(heading)]
    if not rows:
        return None
    figure = make_figure(width, 0.5 + 0.22 * len(rows))
    axes = figure.add_subplot()
    for number, (name, spread) in enumerate(rows):
        assert spread is not None
        color = MODEL if name == data.preset else OTHERS[3]
        axes.barh(-number, spread.mean, 0.68, color=color, xerr=spread.deviation, ecolor="black", capsize=2)
    axes.axvline(0.5, color=GREY, linewidth=0.7, linestyle=(0, (3, 3)))
    axes.set_yticks([-number for number in range(len(rows))], labels=[name for name, _ in rows])
    axes.set(xlim=(0, 1.02), xlabel=f"{heading}, {len(data.ablation.seeds)} seed(s)")
    axes.tick_params(axis="y", length=0)
    return figure
