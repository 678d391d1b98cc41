"""The section on likelihood ratios: figures per method, a Tippett plot and a PAV plot of the chosen one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unmask.core.html.svg_charts import Series, draw_line_chart, fit_axis, make_unit_axis
from unmask.evaluation.likelihood.results import CHOSEN
from unmask.evaluation.likelihood.table import HEADINGS, TITLE, describe_likelihood, format_row
from unmask.evaluation.report.charts import Chart
from unmask.evaluation.report.page_data import PageData
from unmask.metrics.likelihood_ratios import recalibrate

# Infinite LRs of a PAV plot are drawn this far beyond the largest finite one, in powers of ten.
BEYOND = 0.5


def show_likelihood(data: PageData) -> dict[str, Any]:
    likelihood, table = data.evaluation.likelihood, data.predictions
    shown: dict[str, Any] = {"likelihood": likelihood, "likelihood_charts": []}
    if likelihood is None:
        return shown
    shown |= {
        "likelihood_title": TITLE,
        "likelihood_headings": HEADINGS,
        "likelihood_rows": [(row.method, format_row(row)) for row in likelihood.rows],
        "likelihood_said": describe_likelihood(likelihood),
    }
    if likelihood.rows and "llr" in table.column_names:
        is_fake = np.array(table.column("label").to_pylist()) == 1
        log10 = np.array(table.column("llr").to_pylist(), np.float64) / math.log(10)
        if is_fake.any() and not is_fake.all():
            shown["likelihood_charts"] = [draw_tippett(is_fake, log10), draw_pav(is_fake, log10)]
    return shown


def draw_tippett(is_fake: NDArray[np.bool_], log10: NDArray[np.float64]) -> Chart:
    """Share of the items of each class with at least an LR, as steps; `log10` (N,) LRs."""
    axis = fit_axis("log10 LR", [0.0, *log10.tolist()])
    classes = (("real", ~is_fake), ("fake", is_fake))
    lines = [Series(f"{name} files", *count_shares(log10[part], axis.low, axis.high), name) for name, part in classes]
    drawn = draw_line_chart(
        "Tippett plot", lines, axis, make_unit_axis("share with at least this LR"), marker=(0.0, "LR 1"), width=340
    )
    misled = [f"{np.mean(log10[~is_fake] > 0):.1%} of the real", f"{np.mean(log10[is_fake] < 0):.1%} of the fake files"]
    caption = f"Tippett plot ({CHOSEN}): {' and '.join(misled)} have an LR on the wrong side of 1"
    return Chart(caption, drawn, tuple((name, f"{name} files") for name, _ in classes))


def count_shares(values: NDArray[np.float64], low: float, high: float) -> tuple[list[float], list[float]]:
    """(x, share of `values` of at least x) of a falling staircase from `low` to `high`."""
    levels, counts = np.unique(values, return_counts=True)
    # Just above a level its items no longer count.
    after = 1 - np.cumsum(counts) / len(values)
    x, y = np.repeat(levels, 2), np.stack([np.append(1.0, after[:-1]), after], axis=1).ravel()
    return [low, *x.tolist(), high], [1.0, *y.tolist(), 0.0]


def draw_pav(is_fake: NDArray[np.bool_], log10: NDArray[np.float64]) -> Chart:
    """The LRs against those that these very items would give them; on the diagonal they say what they mean."""
    best = recalibrate(is_fake, log10) / math.log(10)
    finite = [*log10.tolist(), *best[np.isfinite(best)].tolist()]
    low, high = min(finite) - BEYOND, max(finite) + BEYOND
    x, y = fit_axis("log10 LR", [0.0, *log10.tolist()]), fit_axis("log10 LR after PAV", [0.0, low, high])
    both = max(x.low, y.low), min(x.high, y.high)
    order = np.argsort(log10, kind="stable")
    lines = [
        Series("calibrated", both, both, "chance"),
        Series("model", log10[order].tolist(), np.clip(best[order], low, high).tolist(), "model"),
    ]
    drawn = draw_line_chart("PAV plot", lines, x, y, width=340)
    edge = "" if np.isfinite(best).all() else "; infinite ones are at the edge"
    caption = f"PAV plot ({CHOSEN}): above the line the LRs are too low, below it too high{edge}"
    return Chart(caption, drawn, (("model", "model"), ("chance", "well calibrated")))
