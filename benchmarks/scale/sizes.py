"""Costs of one kind of work at several sizes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.figures import Figures

Sizes = dict[str, Any]
"""Step -> seconds; "shards", "peak_mb"."""

NOT_STEPS = ("shards", "peak_mb")


def list_steps(found: Mapping[int, Sizes]) -> list[str]:
    return [step for step in found[min(found)] if step not in NOT_STEPS]


def compute_costs(found: Mapping[int, Sizes], step: str) -> list[float]:
    """Seconds per item of a step, from the smallest size to the largest."""
    return [found[size][step] / size for size in sorted(found)]


def compute_growth(costs: Sequence[float]) -> float:
    """Of the largest size, relative to the cheapest of the others: small sizes pay for what is done once."""
    return costs[-1] / min(costs[:-1]) if len(costs) > 1 else 1.0


def pack_sizes(found: Mapping[int, Sizes]) -> Figures:
    """A figure per size and step."""
    return {f"{size} {step}": float(value) for size, sizes in found.items() for step, value in sizes.items()}


def unpack_sizes(figures: Mapping[str, float]) -> dict[int, Sizes]:
    found: defaultdict[int, Sizes] = defaultdict(dict)
    for name, value in figures.items():
        size, _, step = name.partition(" ")
        if size.isdigit():
            found[int(size)][step] = value
    return dict(found)
