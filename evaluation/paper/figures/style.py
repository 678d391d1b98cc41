"""Size, fonts and colors of the figures, and their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unmask.core.atomic_files import create_file

COLUMNS = {"1col": 3.35, "2col": 7.0}
"""Width in inches of a figure in one and in two columns of a paper."""

# Okabe and Ito 2008: told apart with any color vision. Marks and dashes differ too, for prints without color.
BLACK, BLUE, GREEN, PINK, ORANGE, SKY, RED = "#000000", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#D55E00"
GREY = "#6B6B6B"
MODEL, REAL, FAKE = BLUE, GREEN, RED
OTHERS = (ORANGE, RED, GREEN, SKY, PINK, BLACK, GREY)
MARKS = ("|", "x", "^", "s", "v", "D", "+")
DASHES = ((0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (2, 2)), (0, (6, 2, 1, 2, 1, 2)), (0, (3, 1)), (0, (1, 2)))

STYLE: dict[str, Any] = {
    # Type 42 (TrueType): text stays text, as IEEE and ACM ask; Type 3 is refused by their checks.
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same figure on every machine
    "font.size": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "text.usetex": False,
    "axes.unicode_minus": False,
}


def make_figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches. To be made and saved inside `apply_style`."""
    return Figure(figsize=(width, height), layout="constrained")


def apply_style() -> Any:
    """Context in which figures have the house's fonts and lines, whatever the user's matplotlibrc says."""
    return mpl.rc_context({**mpl.rcParamsDefault, **STYLE})


def save_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write `name`.pdf and `name`.png without dates or versions: the same figure is the same bytes."""
    written = []
    for suffix, metadata in (("pdf", {"CreationDate": None, "Creator": None, "Producer": None}), ("png", NOTHING)):
        written.append(folder / f"{name}.{suffix}")
        with create_file(written[-1]) as temporary:
            figure.savefig(temporary, format=suffix, metadata=metadata)
    return written


NOTHING = {"Software": None}


def set_unit_axes(axes: Axes, x: str, y: str) -> None:
    """Both axes from 0 to 1, with the same scale."""
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=x, ylabel=y, aspect="equal")
    axes.set_xticks([0, 0.5, 1], labels=["0", "0.5", "1"])
    axes.set_yticks([0, 0.5, 1], labels=["0", "0.5", "1"])


def draw_diagonal(axes: Axes) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.7, linestyle=(0, (3, 3)), zorder=0)
