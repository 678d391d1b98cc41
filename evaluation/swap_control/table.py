"""The swap control as rows of a table, for the terminal and the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unmask.evaluation.swap_control.results import OTHER, SwapControl, SwapFigure

TITLE = "AUC by one part of the files alone, and beside the other part of genuine files"


@dataclass(frozen=True, slots=True)
class SwapRow:
    name: str
    n_real: int
    n_fake: int
    figure: SwapFigure | None
    """None: too few files."""


def list_rows(swaps: Sequence[SwapControl]) -> list[SwapRow]:
    """One row per figure; one for a part with too few files."""
    rows = []
    for swap in swaps:
        rows += [SwapRow(_name(swap, figure), swap.n_real, swap.n_fake, figure) for figure in swap.figures]
        if not swap.figures:
            rows.append(SwapRow(swap.part, swap.n_real, swap.n_fake, None))
    return rows


def _name(swap: SwapControl, figure: SwapFigure) -> str:
    score = "joint score" if figure.score == "joint" else f"{swap.part} score"
    return f"{swap.part}: {score}{f', same {OTHER[swap.part]}' if figure.same_partner else ''}"
