"""Growth of the cost per item, as a speed goal."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.figures import Figures
from benchmarks.scale.measure import measure_in_process
from benchmarks.scale.sizes import Sizes, compute_costs, compute_growth, list_steps, pack_sizes

ROWS, ITEMS = (1_000, 10_000, 100_000, 1_000_000), (1_000, 20_000, 200_000)


def measure_sizes(kind: str, sizes: Sequence[int]) -> dict[int, Sizes]:
    return {size: measure_in_process(kind, size) for size in sizes}


def measure_rows_growth() -> Figures:
    """Of the step whose cost per row grows most; and seconds of every step at every size, for the page."""
    found = measure_sizes("rows", ROWS)
    return {"growth": find_growth(found)} | pack_sizes(found)


def measure_items_growth() -> Figures:
    """The same of tiny items; and seconds per item of all steps at the largest size, for the model."""
    found = measure_sizes("items", ITEMS)
    own = sum(compute_costs(found, step)[-1] for step in list_steps(found))
    return {"growth": find_growth(found), "seconds per item": own} | pack_sizes(found)


def find_growth(found: dict[int, Sizes]) -> float:
    return max(compute_growth(compute_costs(found, step)) for step in list_steps(found))
